//! Where the numbers come from.

use anyhow::Result;
use serde::Serialize;
use serde_json::Value;
use trace_schema::{Constraint, Instruction};
use trace_score::stats::IntervalConfig;
use trace_score::trace::{QueryReading, TracePrompts, VoteRule};

use super::verdicts::Parser;
use crate::cli::{LanguageArg, QueryArg, TraceArgs};
use crate::files::{digest, file_digest, version};

/// What a run was made of.
#[derive(Debug, Serialize)]
pub(super) struct Provenance {
    program: String,
    pub(super) system: String,
    rows: String,
    rows_sha256: String,
    answers: String,
    answers_sha256: String,
    judge: String,
    /// What the endpoint calls the judge.
    pub(super) judge_answered_as: Vec<String>,
    judge_endpoint: String,
    temperature: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    votes: u32,
    vote_rule: VoteRule,
    parser: Parser,
    parse_attempts: u32,
    language: LanguageArg,
    query_reading: QueryArg,
    templates: String,
    template_sha256: String,
    interval_level: f64,
    bootstrap_resamples: usize,
    bootstrap_seed: u64,
}

impl Provenance {
    pub(super) fn new(
        args: &TraceArgs,
        prompts: &TracePrompts,
        parser: Parser,
        intervals: &IntervalConfig,
        model: Option<String>,
    ) -> Result<Self> {
        let stem = || args.answers.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let (judge, ask) = (&args.judge, &args.judge.ask);
        let templates = match &judge.prompts_dir {
            Some(folder) => format!("those of {}, and built-in ones for the rest", folder.display()),
            None => "built-in: the structure of the paper's Appendix B.5 in other words".to_owned(),
        };
        Ok(Self {
            program: version(),
            system: args.system.clone().or(model).unwrap_or_else(stem),
            rows: args.rows.display().to_string(),
            rows_sha256: file_digest(&args.rows)?,
            answers: args.answers.display().to_string(),
            answers_sha256: file_digest(&args.answers)?,
            judge: judge.judge_model.clone(),
            judge_answered_as: Vec::new(),
            judge_endpoint: judge.judge_endpoint.clone(),
            temperature: ask.temperature.unwrap_or(0.0),
            top_p: ask.top_p,
            max_tokens: ask.max_tokens,
            seed: ask.seed,
            votes: args.votes,
            vote_rule: args.vote_rule.into(),
            parser,
            parse_attempts: judge.parse_attempts,
            language: args.language,
            query_reading: args.query_reading,
            templates,
            template_sha256: template_digest(prompts),
            interval_level: intervals.level,
            bootstrap_resamples: intervals.resamples,
            bootstrap_seed: intervals.seed,
        })
    }

    /// Names and values for a page, in the order of the fields.
    pub(super) fn pairs(&self) -> Result<Vec<(String, String)>> {
        let Value::Object(fields) = serde_json::to_value(self)? else {
            return Ok(Vec::new());
        };
        let pair = |(name, value): (String, Value)| {
            let shown = match value {
                Value::String(text) => text,
                Value::Array(values) => {
                    values.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
                }
                other => other.to_string(),
            };
            (name.replace('_', " ").replace("sha256", "SHA-256"), shown)
        };
        Ok(fields.into_iter().map(pair).collect())
    }
}

/// SHA-256 of the judge's prompt with the names of the places in the places.
///
/// For a template file in which each place stands under its own name, this is the digest of the file without the line
/// ends at its end.
fn template_digest(prompts: &TracePrompts) -> String {
    let places = Instruction {
        description: "{query}".to_owned(),
        constraints: vec![Constraint::unlabelled("{constraints}")],
        input: None,
    };
    digest(prompts.judge_prompt(&places, "{response}", QueryReading::InputOrDescription).as_bytes())
}
