//! The command line.

mod answer;
mod ask;
mod bench;
mod compare;
mod ifeval;
mod intervals;
mod judge;
mod local;
mod reasoning;
mod trace;

use clap::{Parser, Subcommand};

pub(crate) use answer::{AnswerArgs, Benchmark};
pub(crate) use ask::AskArgs;
pub(crate) use bench::{BenchArgs, Mode};
pub(crate) use compare::CompareArgs;
pub(crate) use ifeval::IfevalArgs;
pub(crate) use intervals::IntervalArgs;
pub(crate) use judge::{JudgeArgs, JudgedArgs};
pub(crate) use local::LocalArgs;
pub(crate) use reasoning::ReasoningArg;
pub(crate) use trace::TraceArgs;

/// Asks models for answers, judges them, and reports: TRACE, IFEval, CFBench and ComplexBench.
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
    /// DIR gets results.json, verdicts.jsonl (for `compare`), tables.md and report.html with the responses that do
    /// not follow.
    Ifeval(IfevalArgs),
    /// Ask a model for answers to a file of prompts: at an endpoint, or in a folder.
    ///
    /// Every finished question is kept in a journal beside the answers. A run that was killed or stopped by a cap goes
    /// on where it ended when it is started again, and asks nothing twice. Beside the answers stands what they rest on:
    /// answers.jsonl has answers.provenance.json.
    Answer(AnswerArgs),
    /// Have a judge score answers to TRACE, constraint by constraint.
    ///
    /// DIR gets judged.jsonl (for `compare`), votes.jsonl, scores.json, tables.md, report.html and journal.jsonl, in which
    /// every answer of the judge is kept. A judge whose answer cannot be read is asked again; what still cannot be read
    /// is a failed row, which is in no share and no mean, and is shown.
    Trace(TraceArgs),
    /// Have a judge check answers to CFBench, criterion by criterion.
    ///
    /// DIR gets verdicts.jsonl (for `compare`), results.json, tables.md, report.html and journal.jsonl. The released
    /// code asks its judge up to ten times at temperature 0.01: `--mode official --parse-attempts 10 --temperature 0.01`.
    Cfbench(BenchArgs),
    /// Have a judge, and rules, answer the questions of ComplexBench about answers to it.
    ///
    /// DIR gets the same files as that of `cfbench`. A question about a response that is missing is not asked and has no
    /// verdict, also in official mode, where DRFR counts it as not satisfied.
    Complexbench(BenchArgs),
    /// Set systems side by side, as the paper's Table 3 does.
    ///
    /// Each FILE is a judged.jsonl of `trace`, or a verdicts.jsonl of the others. Files under one name are one row. DIR gets comparison.json, tables.md and report.html with the answers about which systems differ.
    Compare(CompareArgs),
}
