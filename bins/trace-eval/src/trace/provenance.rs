//! Where the numbers come from.

use anyhow::Result;
use serde::Serialize;
use trace_schema::{Constraint, Instruction};
use trace_score::stats::IntervalConfig;
use trace_score::trace::{QueryReading, TracePrompts, VoteRule};

use super::verdicts::Parser;
use crate::cli::{LanguageArg, QueryArg, TraceArgs};
use crate::files::{digest, file_digest, version};
use crate::provenance::JudgeProvenance;

/// What a run was made of.
#[derive(Debug, Serialize)]
pub(super) struct Provenance {
    program: String,
    pub(super) system: String,
    rows: String,
    rows_sha256: String,
    answers: String,
    answers_sha256: String,
    #[serde(flatten)]
    judge: JudgeProvenance,
    votes: u32,
    vote_rule: VoteRule,
    parser: Parser,
    language: LanguageArg,
    query_reading: QueryArg,
    interval_level: f64,
    bootstrap_resamples: usize,
    bootstrap_seed: u64,
}

impl Provenance {
    pub(super) fn new(
        args: &TraceArgs,
        judge: JudgeProvenance,
        parser: Parser,
        intervals: &IntervalConfig,
        model: Option<String>,
    ) -> Result<Self> {
        let stem = || args.answers.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self {
            program: version(),
            system: args.system.clone().or(model).unwrap_or_else(stem),
            rows: args.rows.display().to_string(),
            rows_sha256: file_digest(&args.rows)?,
            answers: args.answers.display().to_string(),
            answers_sha256: file_digest(&args.answers)?,
            judge,
            votes: args.votes,
            vote_rule: args.vote_rule.into(),
            parser,
            language: args.language,
            query_reading: args.query_reading,
            interval_level: intervals.level,
            bootstrap_resamples: intervals.resamples,
            bootstrap_seed: intervals.seed,
        })
    }
}

/// SHA-256 of the judge's prompt with the names of the places in the places.
///
/// For a template file in which each place stands under its own name, this is the digest of the file without the line
/// ends at its end.
pub(super) fn template_digest(prompts: &TracePrompts) -> String {
    let places = Instruction {
        description: "{query}".to_owned(),
        constraints: vec![Constraint::unlabelled("{constraints}")],
        input: None,
    };
    digest(prompts.judge_prompt(&places, "{response}", QueryReading::InputOrDescription).as_bytes())
}
