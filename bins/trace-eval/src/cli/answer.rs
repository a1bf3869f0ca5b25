//! The arguments of `trace-eval answer`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{AskArgs, LocalArgs, ReasoningArg};

/// The arguments of `trace-eval answer`.
#[derive(Debug, Args)]
pub(crate) struct AnswerArgs {
    /// The format of the file of prompts.
    #[arg(long, value_enum)]
    pub(crate) benchmark: Benchmark,

    /// The prompts.
    pub(crate) file: PathBuf,

    /// The address of the endpoint before /chat/completions, `https://api.openai.com/v1` for instance.
    #[arg(long, value_name = "URL", required_unless_present = "model_dir", requires = "model")]
    pub(crate) endpoint: Option<String>,

    /// The model that the endpoint is asked for, or what the answers call a local one: its folder's name, unless given.
    #[arg(long, value_name = "NAME")]
    pub(crate) model: Option<String>,

    /// The environment variable that holds the API key; without one no key is sent.
    #[arg(long, value_name = "VAR")]
    pub(crate) api_key_env: Option<String>,

    /// The file for the answers: id, prompt and response per line, in the order of the prompts.
    ///
    /// A file that this command did not write, or that was edited since, is not replaced.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,

    /// What becomes of the reasoning in the answers, `<think>...</think>` for instance.
    ///
    /// An answer that ends within its reasoning is incomplete, and counts as failed.
    #[arg(long, value_enum, default_value_t = ReasoningArg::Strip)]
    pub(crate) reasoning: ReasoningArg,

    #[command(flatten)]
    pub(crate) local: LocalArgs,

    #[command(flatten)]
    pub(crate) ask: AskArgs,
}

/// The format of a file of prompts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Benchmark {
    /// TRACE's evaluation rows; their messages are sent as they are.
    Trace,
    /// Google's prompts of IFEval.
    Ifeval,
    /// Your own copy of CFBench's data.
    Cfbench,
    /// Your own copy of ComplexBench's data.
    Complexbench,
    /// Rows with an id, a prompt or a list of messages, and perhaps a system text.
    Prompts,
}
