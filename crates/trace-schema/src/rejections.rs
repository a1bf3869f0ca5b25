//! What data construction did not keep, by stage and reason.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io::BufRead;

use serde::Serialize;

use crate::{JsonlError, JsonlReader, RejectedRow};

/// The rejected rows of a file, counted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct RejectionStats {
    /// The number of rows.
    pub rows: u64,
    /// The stages at which there are some, in the order that the caller gave; other stages follow by name.
    pub stages: Vec<StageRejections>,
}

/// What one stage rejected.
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
    use super::*;

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
