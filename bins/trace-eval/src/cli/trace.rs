//! The arguments of `trace-eval trace`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Serialize;
use trace_score::trace::{PromptLanguage, QueryReading, VoteRule};

use super::{IntervalArgs, JudgedArgs};

/// The arguments of `trace-eval trace`.
#[derive(Debug, Args)]
pub(crate) struct TraceArgs {
    /// TRACE's evaluation rows.
    #[arg(long, value_name = "FILE")]
    pub(crate) rows: PathBuf,

    /// The answers: id and response per line, as `trace-eval answer` writes them.
    #[arg(long, value_name = "FILE")]
    pub(crate) answers: PathBuf,

    /// How many judgements of an answer are joined into one. More than half of them must be readable.
    #[arg(long, value_name = "K", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=99))]
    pub(crate) votes: u32,

    /// How they are joined.
    #[arg(long, value_enum, default_value_t = VoteArg::Median)]
    pub(crate) vote_rule: VoteArg,

    /// The language of the judge's prompt.
    #[arg(long, value_enum, default_value_t = LanguageArg::Zh)]
    pub(crate) language: LanguageArg,

    /// What the judge is shown as the query; the released script leaves it open.
    #[arg(long, value_enum, default_value_t = QueryArg::A)]
    pub(crate) query_reading: QueryArg,

    /// Read the first overall score alone, as the released script does; each constraint then has that score.
    ///
    /// The script asks once, which is `--parse-attempts 1`. A score above 10 cannot be read here.
    #[arg(long)]
    pub(crate) compatible_parser: bool,

    #[command(flatten)]
    pub(crate) run: JudgedArgs,

    #[command(flatten)]
    pub(crate) intervals: IntervalArgs,
}

/// A language of prompts, as typed.
#[derive(Debug, Clone, Copy, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LanguageArg {
    /// Chinese, the language of the evaluation set.
    Zh,
    /// English.
    En,
}

impl From<LanguageArg> for PromptLanguage {
    fn from(typed: LanguageArg) -> Self {
        match typed {
            LanguageArg::Zh => Self::Chinese,
            LanguageArg::En => Self::English,
        }
    }
}

/// A reading of the query, as typed.
#[derive(Debug, Clone, Copy, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum QueryArg {
    /// The whole prompt that was answered.
    A,
    /// The input, or the description where there is none.
    B,
}

impl From<QueryArg> for QueryReading {
    fn from(typed: QueryArg) -> Self {
        match typed {
            QueryArg::A => Self::WholePrompt,
            QueryArg::B => Self::InputOrDescription,
        }
    }
}

/// A rule of votes, as typed.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum VoteArg {
    /// The middle score, the lower of two.
    Median,
    /// The most frequent score, the lowest of several.
    Majority,
}

impl From<VoteArg> for VoteRule {
    fn from(typed: VoteArg) -> Self {
        match typed {
            VoteArg::Median => Self::Median,
            VoteArg::Majority => Self::Majority,
        }
    }
}
