//! What can be typed.

mod answer;
mod ask;
mod ifeval;

use clap::{Parser, Subcommand};

pub(crate) use answer::{AnswerArgs, Benchmark};
pub(crate) use ask::AskArgs;
pub(crate) use ifeval::IfevalArgs;

/// Asks models for answers, judges them, and reports: TRACE, IFEval and CFBench.
///
/// The exit code is 0 when everything was done, 3 when a cap was reached or questions stayed without an answer, and 2
/// for an error.
#[derive(Debug, Parser)]
#[command(name = "trace-eval", version)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Score responses to IFEval as its official program does.
    ///
    /// Prompts and responses come as Google's two files, or as one file of samples that lm-evaluation-harness logged.
    /// DIR gets results.json, verdicts.jsonl (for `compare`), tables.md and report.html with what was not followed.
    Ifeval(IfevalArgs),
    /// Ask a model for answers to a file of prompts.
    ///
    /// Every finished question is kept in a journal beside the answers. A run that was killed or stopped by a cap goes
    /// on where it ended when it is started again, and asks nothing twice.
    Answer(AnswerArgs),
}
