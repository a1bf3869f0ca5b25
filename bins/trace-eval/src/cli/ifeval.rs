//! The arguments of `trace-eval ifeval`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use trace_score::ifeval::LetterPolicy;

use super::ReasoningArg;

/// The arguments of `trace-eval ifeval`.
#[derive(Debug, Args)]
pub(crate) struct IfevalArgs {
    /// Google's file of prompts: key, prompt, instruction_id_list and kwargs per line.
    #[arg(long, value_name = "FILE", required_unless_present = "samples", requires = "responses")]
    pub(crate) prompts: Option<PathBuf>,

    /// The responses: prompt and response per line, as Google's program and `trace-eval answer` write them.
    #[arg(long, value_name = "FILE", requires = "prompts")]
    pub(crate) responses: Option<PathBuf>,

    /// A file of samples by lm-evaluation-harness, in the place of prompts and responses.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["prompts", "responses"])]
    pub(crate) samples: Option<PathBuf>,

    /// The folder for the report; made if it is missing.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,

    /// What the report calls the responses; the name of their file unless given.
    #[arg(long, value_name = "NAME")]
    pub(crate) system: Option<String>,

    /// The seed of the language detector; the official program has none.
    #[arg(long, default_value_t = 0)]
    pub(crate) language_seed: u64,

    /// The character to count where the prompt's is not a letter, as in the keys 1122 (#) and 1129 (!).
    #[arg(long, value_enum, default_value_t = LettersArg::Literal)]
    pub(crate) letters: LettersArg,

    /// The seed of the random letters of `--letters official-random`.
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    pub(crate) letter_seed: u64,

    /// Most responses that the report shows.
    #[arg(long, value_name = "N", default_value_t = 541)]
    pub(crate) show: usize,

    /// What becomes of the reasoning in the responses before they are checked, `<think>...</think>` for instance.
    ///
    /// An answer that ends within its reasoning is incomplete, and follows nothing; the official program checks all text.
    #[arg(long, value_enum, default_value_t = ReasoningArg::Strip)]
    pub(crate) reasoning: ReasoningArg,

    /// Print the results as one line of JSON instead of tables.
    #[arg(long)]
    pub(crate) json: bool,
}

/// A policy for characters to count that are not letters, as typed.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum LettersArg {
    /// The character itself.
    Literal,
    /// A random letter from a to z, as in the official program.
    OfficialRandom,
}

impl IfevalArgs {
    /// The policy that was asked for.
    pub(crate) fn letter_policy(&self) -> LetterPolicy {
        match self.letters {
            LettersArg::Literal => LetterPolicy::Literal,
            LettersArg::OfficialRandom => LetterPolicy::OfficialRandom { seed: self.letter_seed },
        }
    }
}
