//! From a judge's answer to rates.

use serde::Serialize;
use trace_schema::Constraint;
use trace_score::cfbench::{
    CfBenchItem, CfBenchJudgement, CfBenchQuirks, CfBenchScore, ParseStatus, Priority, Split, judge_answer,
};
use trace_score::{ConstraintScore, Judged, JudgedConstraint, Verdict};

use crate::judging::Ballot;

/// One row of verdicts.jsonl.
#[derive(Debug, Serialize)]
pub(super) struct ItemRow<'a> {
    id: u64,
    split: Split,
    response: Option<&'a str>,
    attempts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    scores: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    #[serde(flatten)]
    score: Option<CfBenchScore>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failed: Option<String>,
}

/// An item with its response, or why there is none, and the judgement on it.
pub(super) struct Case {
    pub(super) item: CfBenchItem,
    pub(super) response: Result<String, String>,
    pub(super) ballot: Option<Ballot<CfBenchJudgement>>,
}

/// Reads an answer. The released code takes what the last one has, readable or not.
pub(super) fn read(
    quirks: CfBenchQuirks,
    item: &CfBenchItem,
    answer: &str,
    is_last: bool,
) -> Result<CfBenchJudgement, String> {
    let quirks = CfBenchQuirks { ones_only: quirks.ones_only && is_last, ..quirks };
    judge_answer(answer, &item.criteria, quirks).map_err(|error| error.to_string())
}

impl Case {
    /// The rates, if there are any.
    pub(super) fn score(&self) -> Option<CfBenchScore> {
        Some(self.ballot.as_ref()?.judgement()?.score)
    }

    /// Why there are none.
    fn failure(&self) -> Option<String> {
        match &self.response {
            Err(reason) => Some(reason.clone()),
            Ok(_) => self.ballot.as_ref().and_then(Ballot::failure),
        }
    }

    pub(super) fn row(&self) -> ItemRow<'_> {
        let reading = self.ballot.as_ref().and_then(Ballot::judgement);
        ItemRow {
            id: self.item.id,
            split: self.item.split,
            response: self.response.as_deref().ok(),
            attempts: self.ballot.as_ref().map_or(0, Ballot::attempts),
            scores: reading.map(|reading| reading.scores.as_slice()),
            status: reading.map(|reading| reading.status.code()),
            score: self.score(),
            failed: self.failure(),
        }
    }

    /// The case as a row to read; scores that belong to no criterion are told as a failure.
    pub(super) fn judged(&self) -> Judged {
        let texts = self.item.criteria.iter().map(|criterion| {
            let priority = match criterion.priority {
                Priority::Primary => "primary",
                Priority::Secondary => "secondary",
            };
            format!("{} ({priority})", criterion.text)
        });
        let reading = self.ballot.as_ref().and_then(Ballot::judgement);
        let strict = reading.filter(|reading| reading.status == ParseStatus::Strict);
        let verdict = match (strict, reading) {
            (Some(reading), _) => {
                let constraints = texts.zip(&reading.scores).map(|(text, score)| {
                    let score = ConstraintScore::from(score.starts_with('1'));
                    JudgedConstraint { text, dimension: None, score }
                });
                Verdict::Scored { constraints: constraints.collect(), also_required: true }
            }
            (None, reading) => Verdict::Failed {
                constraints: texts.map(|text| Constraint { text, dimension: None }).collect(),
                reason: reading.map_or_else(
                    || self.failure().unwrap_or_default(),
                    |of| format!("read line by line (status {}): {}", of.status.code(), of.scores.join(", ")),
                ),
            },
        };
        let answer = self.response.clone().unwrap_or_default();
        Judged { id: self.item.id.to_string(), prompt: self.item.prompt.clone(), answer, verdict }
    }
}
