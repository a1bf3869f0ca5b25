//! Rows that data construction rejected, and their counts by stage and reason.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io::BufRead;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::record::check_id;
use crate::{JsonlError, JsonlReader, Provenance, Record, RowError, UnknownLabels, excerpt, values};

/// A row that was rejected while data was built: where, why, and as far as it was made.
///
/// A seed whose response is kept can still fail to give a preference pair or a group, so an id may come more than
/// once in a file, each time with another stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RejectedRow {
    /// The id of the seed.
    #[serde(deserialize_with = "values::id")]
    pub id: String,
    /// The stage that rejected it, in kebab case: `structuring`.
    pub stage: String,
    /// The kind of reason, in kebab case: `poor-instruction`.
    pub reason: String,
    /// Further details, in the words of the judge or of the check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The row as far as it was made when it was rejected, an object whose keys depend on the stage.
    pub row: Value,
    /// How the row was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provenance: Option<Provenance>,
}

impl Record for RejectedRow {
    fn id(&self) -> Option<&str> {
        Some(&self.id)
    }

    fn validate(&self, _: UnknownLabels) -> Result<(), RowError> {
        check_id(&self.id)?;
        check_kebab_case("stage", &self.stage)?;
        check_kebab_case("reason", &self.reason)
    }
}

/// Words of lower-case letters and digits with single hyphens between them.
fn check_kebab_case(field: &str, name: &str) -> Result<(), RowError> {
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    match name.split('-').all(is_word) {
        true => Ok(()),
        false => Err(RowError::invalid(format!(
            "{field} is {:?}, not words of lower-case letters and digits with hyphens between them",
            excerpt(name)
        ))),
    }
}

/// The rejected rows of a file, counted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct RejectionStats {
    /// The number of rows.
    pub rows: u64,
    /// The stages at which there are some, in the order that the caller gave; other stages follow by name.
    pub stages: Vec<StageRejections>,
}

/// The rejections of one stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StageRejections {
    /// The stage.
    pub stage: String,
    /// The number of rows.
    pub rows: u64,
    /// The reasons, the most frequent first.
    pub reasons: Vec<ReasonCount>,
}

/// How often a stage had a reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReasonCount {
    /// The reason.
    pub reason: String,
    /// The number of rows.
    pub rows: u64,
}

impl RejectionStats {
    /// Reads a file to its end and counts; `order` has the stages in the order in which a row takes them.
    ///
    /// A file without rows is one of a run that rejected nothing.
    ///
    /// # Errors
    ///
    /// The first error of the reader.
    pub fn of<R: BufRead>(rows: JsonlReader<R, RejectedRow>, order: &[&str]) -> Result<Self, JsonlError> {
        let mut counts: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
        for row in rows {
            let RejectedRow { stage, reason, .. } = row?;
            *counts.entry(stage).or_default().entry(reason).or_default() += 1;
        }
        let mut stages: Vec<_> = counts.into_iter().map(|(stage, reasons)| count(stage, reasons)).collect();
        // The sort is stable: stages without a place stay in the order of their names.
        stages
            .sort_by_key(|stage| order.iter().position(|known| *known == stage.stage).unwrap_or(order.len()));
        Ok(Self { rows: stages.iter().map(|stage| stage.rows).sum(), stages })
    }

    /// How many rows a stage rejected.
    pub fn at(&self, stage: &str) -> u64 {
        self.stages.iter().find(|of| of.stage == stage).map_or(0, |of| of.rows)
    }
}

fn count(stage: String, reasons: BTreeMap<String, u64>) -> StageRejections {
    let rows = reasons.values().sum();
    let mut reasons: Vec<_> =
        reasons.into_iter().map(|(reason, rows)| ReasonCount { reason, rows }).collect();
    reasons.sort_by_key(|reason| Reverse(reason.rows));
    StageRejections { stage, rows, reasons }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{JsonlReader, to_json_line};

    fn row(stage: &str, reason: &str) -> RejectedRow {
        RejectedRow {
            id: "seed-1".to_owned(),
            stage: stage.to_owned(),
            reason: reason.to_owned(),
            detail: Some("the passage is missing".to_owned()),
            row: json!({"seed": "Sum it up."}),
            provenance: None,
        }
    }

    #[test]
    fn rejected_rows_round_trip() -> Result<(), Box<dyn std::error::Error>> {
        let rejected = row("quality-control", "incomplete");
        let line = to_json_line(&rejected)?;
        let read: Vec<RejectedRow> =
            JsonlReader::new(line.as_bytes(), "r.jsonl").collect::<Result<_, _>>()?;
        assert_eq!(read, [rejected]);
        Ok(())
    }

    #[test]
    fn names_of_stages_and_reasons_are_in_kebab_case() {
        assert_eq!(row("response", "low-score-2").validate(UnknownLabels::Error), Ok(()));
        for wrong in ["", "Low", "low_score", "-low", "low--score", "low score", "\u{e9}"] {
            for (field, row) in [("stage", row(wrong, "low-score")), ("reason", row("response", wrong))] {
                let error = row.validate(UnknownLabels::Error).map_err(|error| error.to_string());
                assert!(
                    error.is_err_and(|error| error.starts_with(&format!("{field} is {wrong:?}, not words")))
                );
            }
        }
    }

    #[test]
    fn stages_are_in_their_order_and_reasons_by_their_number() -> Result<(), JsonlError> {
        let line = |stage: &str, reason: &str| {
            format!("{{\"id\": \"a\", \"stage\": {stage:?}, \"reason\": {reason:?}, \"row\": null}}\n")
        };
        let file: String = [
            ("late", "cut"),
            ("late", "poor"),
            ("early", "poor"),
            ("late", "poor"),
            ("zeta", "poor"),
            ("alpha", "poor"),
        ]
        .map(|(stage, reason)| line(stage, reason))
        .concat();
        let stats = RejectionStats::of(JsonlReader::new(file.as_bytes(), "r.jsonl"), &["early", "late"])?;
        let stages: Vec<(&str, u64)> =
            stats.stages.iter().map(|stage| (stage.stage.as_str(), stage.rows)).collect();
        assert_eq!(stages, [("early", 1), ("late", 3), ("alpha", 1), ("zeta", 1)]);
        let reasons: Vec<(&str, u64)> =
            stats.stages[1].reasons.iter().map(|reason| (reason.reason.as_str(), reason.rows)).collect();
        assert_eq!((reasons, stats.rows), (vec![("poor", 2), ("cut", 1)], 6));
        assert_eq!(RejectionStats::of(JsonlReader::new(&b""[..], "r"), &[])?, RejectionStats::default());
        Ok(())
    }
}
