//! The arguments of everything that has a judge.

use std::path::PathBuf;

use clap::Args;

use super::{AskArgs, ReasoningArg};

/// Who judges, what becomes of the results, and how they are shown.
#[derive(Debug, Args)]
pub(crate) struct JudgedArgs {
    /// The folder for the results; made if it is missing.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,

    /// What the report calls the system that answered; the model of the answers or the name of their file, unless given.
    #[arg(long, value_name = "NAME")]
    pub(crate) system: Option<String>,

    /// Most answers that the report shows, of those that do not follow everything.
    #[arg(long, value_name = "N", default_value_t = 300)]
    pub(crate) show: usize,

    /// What becomes of the reasoning in the answers before they are judged, `<think>...</think>` for instance.
    ///
    /// An answer that ends within its reasoning is incomplete, and not judged.
    #[arg(long, value_enum, default_value_t = ReasoningArg::Strip)]
    pub(crate) reasoning: ReasoningArg,

    /// Print the results as one line of JSON instead of tables.
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) judge: JudgeArgs,
}

/// Who judges, and how the judge is asked.
#[derive(Debug, Args)]
pub(crate) struct JudgeArgs {
    /// The address of the judge's endpoint before /chat/completions.
    #[arg(long, value_name = "URL")]
    pub(crate) judge_endpoint: String,

    /// The judge.
    #[arg(long, value_name = "NAME")]
    pub(crate) judge_model: String,

    /// The environment variable that holds the API key of the judge's endpoint; without one no key is sent.
    #[arg(long, value_name = "VAR")]
    pub(crate) judge_api_key_env: Option<String>,

    /// A folder with prompt templates that take the place of the built-in ones of the same names.
    #[arg(long, value_name = "DIR")]
    pub(crate) prompts_dir: Option<PathBuf>,

    /// How often a judge is asked until its answer can be read.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) parse_attempts: u32,

    #[command(flatten)]
    pub(crate) ask: AskArgs,
}
