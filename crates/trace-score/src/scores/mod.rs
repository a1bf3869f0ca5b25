//! The scores of a run, in all and by part.

mod by_constraint;
mod by_instruction;

use std::collections::{BTreeMap, HashSet};

use serde::Serialize;
use trace_schema::{ConstraintDimension, ConstraintType, DimensionLabel};

use crate::error::{MAX_IDS, some_ids};
pub use crate::stats::Estimate;
use crate::stats::IntervalConfig;
use crate::{Judged, ScoreError};

/// Instructions, and how they were followed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct InstructionScores {
    /// The share of instructions that are followed whole, from 0 to 1: the paper's IF. `n` counts instructions.
    pub followed: Estimate,
    /// The mean over instructions of the mean score of their constraints, from 0 to 10.
    pub mean_score: Estimate,
}

/// Constraints, and how they were followed.
///
/// The interval of the share takes constraints to be independent, which they are not quite within one answer; that of the
/// mean resamples whole answers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConstraintScores {
    /// The share of constraints with the full score, from 0 to 1. `n` counts constraints.
    pub followed: Estimate,
    /// The mean score, from 0 to 10.
    pub mean_score: Estimate,
}

/// Instructions with the same number of constraints.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CountScores {
    /// The number of constraints.
    pub constraint_count: usize,
    /// Their scores.
    #[serde(flatten)]
    pub scores: InstructionScores,
}

/// Constraints of one type.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TypeScores {
    /// The type.
    #[serde(rename = "type")]
    pub constraint_type: ConstraintType,
    /// Their scores.
    #[serde(flatten)]
    pub scores: ConstraintScores,
}

/// Constraints of one dimension.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DimensionScores {
    /// The dimension, or a label that names none.
    pub dimension: DimensionLabel,
    /// Their scores.
    #[serde(flatten)]
    pub scores: ConstraintScores,
}

/// A reason for which rows failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The reason as the rows give it.
    pub reason: String,
    /// The number of rows.
    pub rows: usize,
    /// The ids of the first ten of them.
    pub ids: Vec<String>,
}

/// The scores of a run.
///
/// Failed rows are in no share and no mean; each number comes with the count of those it leaves out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scores {
    /// How the intervals were made.
    pub intervals: IntervalConfig,
    /// All instructions: IF.
    pub all: InstructionScores,
    /// Instructions with one constraint: IF-S.
    pub single: InstructionScores,
    /// Instructions with several constraints: IF-M.
    pub multi: InstructionScores,
    /// Instructions by the number of their constraints, the fewest first.
    pub by_constraint_count: Vec<CountScores>,
    /// The types that occur, in the order of the paper.
    pub by_type: Vec<TypeScores>,
    /// The dimensions that occur, in the order of the paper, then labels that name none, by alphabet.
    pub by_dimension: Vec<DimensionScores>,
    /// Constraints without a label; `None` where all have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unlabelled: Option<ConstraintScores>,
    /// Why rows failed, the most frequent reason first.
    pub failures: Vec<Failure>,
}

impl Scores {
    /// Scores the rows of one run.
    ///
    /// ```text
    /// IF = 1/n Σ_i 𝕀[S_ij = 10 for all j]
    /// ```
    ///
    /// over all instructions; IF-S over those with one constraint, IF-M over those with several. An instruction without
    /// constraints counts in IF alone.
    ///
    /// # Errors
    ///
    /// An id that occurs twice, and the errors of [`IntervalConfig::validate`].
    ///
    /// # Source
    ///
    /// IOPO (ACL 2025), Eq. 3 and Sec. 6.1, *Evaluation Metrics*. The released evaluation has no aggregation; failed
    /// rows are not treated there.
    pub fn of(rows: &[Judged], config: &IntervalConfig) -> Result<Self, ScoreError> {
        config.validate()?;
        check_ids(rows, "the run")?;
        let instructions = |keep: &dyn Fn(usize) -> bool| {
            by_instruction::scores(rows.iter().filter(|row| keep(row.constraint_count())), config)
        };
        let counts: std::collections::BTreeSet<_> = rows.iter().map(Judged::constraint_count).collect();
        let by_count = |constraint_count| CountScores {
            constraint_count,
            scores: instructions(&|count| count == constraint_count),
        };
        let constraints =
            |keep: &dyn Fn(Option<&DimensionLabel>) -> bool| by_constraint::scores(rows, keep, config);
        let by_type = |kind: ConstraintType| {
            let of_kind = |label: &DimensionLabel| {
                label.dimension().is_some_and(|dimension| dimension.constraint_type() == kind)
            };
            let scores = constraints(&|label| label.is_some_and(of_kind))?;
            Some(TypeScores { constraint_type: kind, scores })
        };
        let by_dimension = |dimension: DimensionLabel| {
            let scores = constraints(&|label| label == Some(&dimension))?;
            Some(DimensionScores { dimension, scores })
        };
        Ok(Self {
            intervals: *config,
            all: instructions(&|_| true),
            single: instructions(&|count| count == 1),
            multi: instructions(&|count| count > 1),
            by_constraint_count: counts.into_iter().map(by_count).collect(),
            by_type: ConstraintType::ALL.into_iter().filter_map(by_type).collect(),
            by_dimension: labels(rows).into_iter().filter_map(by_dimension).collect(),
            unlabelled: constraints(&|label| label.is_none()),
            failures: failures(rows),
        })
    }

    /// The number of rows, failed ones included.
    pub const fn rows(&self) -> usize {
        self.all.followed.n + self.all.followed.n_failed
    }
}

/// All dimensions in the paper's order, then the labels of the rows that name none.
fn labels(rows: &[Judged]) -> Vec<DimensionLabel> {
    let unknown = |label: &DimensionLabel| match label {
        DimensionLabel::Unknown(text) => Some(text.clone()),
        DimensionLabel::Known(_) => None,
    };
    let found = rows.iter().flat_map(Judged::constraints).filter_map(|(_, label, _)| label.and_then(unknown));
    let found: std::collections::BTreeSet<_> = found.collect();
    let known = ConstraintDimension::ALL.into_iter().map(DimensionLabel::Known);
    known.chain(found.into_iter().map(DimensionLabel::Unknown)).collect()
}

fn failures(rows: &[Judged]) -> Vec<Failure> {
    let mut by_reason: BTreeMap<&str, Failure> = BTreeMap::new();
    for (row, reason) in rows.iter().filter_map(|row| Some((row, row.failure()?))) {
        let empty = || Failure { reason: reason.to_owned(), rows: 0, ids: Vec::new() };
        let failure = by_reason.entry(reason).or_insert_with(empty);
        failure.rows += 1;
        if failure.ids.len() < MAX_IDS {
            failure.ids.push(row.id.clone());
        }
    }
    let mut failures: Vec<_> = by_reason.into_values().collect();
    failures.sort_by_key(|failure| std::cmp::Reverse(failure.rows));
    failures
}

/// Checks that no id occurs twice in a run.
pub(crate) fn check_ids(rows: &[Judged], run: &str) -> Result<(), ScoreError> {
    let mut seen = HashSet::new();
    let mut again = std::collections::BTreeSet::new();
    for row in rows {
        if !seen.insert(row.id.as_str()) {
            again.insert(row.id.as_str());
        }
    }
    match again.len() {
        0 => Ok(()),
        count => {
            let ids = some_ids(&Vec::from_iter(again));
            Err(ScoreError::new(format!("{run} has {count} ids more than once, among them {ids}")))
        }
    }
}
