//! Numbers about a data set.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use trace_schema::{
    ConstraintDimension, ConstraintOperation, ConstraintType, EvalRow, OperationCounts, PreferenceGroup,
};

use super::{DatasetConfig, EvaluationSet};
use crate::{Group, Rejection, Rejections, Rule, Task};

/// In how many groups a response follows an instruction, by the verifiers; with an oracle's judgement the matched cells
/// have all groups and, under all four conditions, the swapped ones none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct CellCounts {
    /// y₁ follows x₁.
    pub x1_y1: u64,
    /// y₂ follows x₁.
    pub x1_y2: u64,
    /// y₁ follows x₂.
    pub x2_y1: u64,
    /// y₂ follows x₂.
    pub x2_y2: u64,
}

/// The settings of a generated data set, and the counts of its rows and of the rejected candidates.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// The seed.
    pub seed: u64,
    /// How often the teacher does not heed a constraint.
    pub teacher_ignores: f64,
    /// How often it takes such a constraint for a near twin.
    pub teacher_confuses: f64,
    /// How often the judge accepts a wrong response.
    pub judge_accepts_wrong: f64,
    /// How often the judge rejects a right response.
    pub judge_rejects_right: f64,
    /// Training rows of each kind.
    pub rows: usize,
    /// Rows of each evaluation set, by its name.
    pub evaluation_rows: BTreeMap<&'static str, usize>,
    /// The weights of 1, 2, 3 and so on constraints.
    pub count_weights: Vec<u32>,
    /// Training instructions x₁ by their number of constraints.
    pub by_constraint_count: BTreeMap<usize, u64>,
    /// Constraints of the x₁ by type.
    pub types: BTreeMap<&'static str, u64>,
    /// Constraints of the x₁ by dimension.
    pub dimensions: BTreeMap<&'static str, u64>,
    /// Groups by operation.
    pub operations: OperationCounts,
    /// Which cells of the groups the verifiers accept.
    pub followed: CellCounts,
    /// Candidates that were not kept, by reason.
    pub rejections: Rejections,
    /// Candidates that were not kept because their prompt had been used for training.
    pub duplicates_removed: u64,
    /// Candidates that were not kept because their prompt is one of an evaluation set.
    pub overlap_removed: u64,
    /// Training prompts, x₁ or x₂, that are in an evaluation set; counted in the finished rows.
    pub overlap: usize,
}

/// Counts that grow with each row.
#[derive(Default)]
pub(super) struct Tally {
    by_constraint_count: BTreeMap<usize, u64>,
    dimensions: BTreeMap<ConstraintDimension, u64>,
    operations: OperationCounts,
    followed: CellCounts,
}

impl Tally {
    pub(super) fn add(&mut self, group: &Group) {
        *self.by_constraint_count.entry(group.x1.clauses().len()).or_default() += 1;
        for dimension in group.x1.rules().map(Rule::dimension) {
            *self.dimensions.entry(dimension).or_default() += 1;
        }
        match group.operation {
            ConstraintOperation::Add => self.operations.add += 1,
            ConstraintOperation::Delete => self.operations.delete += 1,
            ConstraintOperation::Revise => self.operations.revise += 1,
        }
        let followed = |task: &Task, response: &str| u64::from(task.verdict(response).followed());
        self.followed.x1_y1 += followed(&group.x1, &group.y1);
        self.followed.x1_y2 += followed(&group.x1, &group.y2);
        self.followed.x2_y1 += followed(&group.x2, &group.y1);
        self.followed.x2_y2 += followed(&group.x2, &group.y2);
    }

    pub(super) fn finish(
        self,
        config: &DatasetConfig,
        groups: &[PreferenceGroup],
        evaluation: &[EvaluationSet],
        rejections: Rejections,
    ) -> Summary {
        let of_type = |kind: ConstraintType| {
            let dimensions = self.dimensions.iter();
            dimensions
                .filter(|(dimension, _)| dimension.constraint_type() == kind)
                .map(|(_, count)| count)
                .sum()
        };
        let types = ConstraintType::ALL.map(|kind| (kind.name(), of_type(kind)));
        let dimensions =
            self.dimensions.iter().map(|(dimension, count)| (dimension.name(), *count)).collect();
        Summary {
            seed: config.seed,
            teacher_ignores: config.teacher.ignore,
            teacher_confuses: config.teacher.confuse,
            judge_accepts_wrong: config.judge.accepts_wrong,
            judge_rejects_right: config.judge.rejects_right,
            rows: groups.len(),
            evaluation_rows: evaluation.iter().map(|set| (set.kind.name(), set.rows.len())).collect(),
            count_weights: config.sampler.count_distribution().weights().to_vec(),
            by_constraint_count: self.by_constraint_count,
            types: types.into_iter().collect(),
            dimensions,
            operations: self.operations,
            followed: self.followed,
            duplicates_removed: rejections.of(Rejection::Repeated),
            overlap_removed: rejections.of(Rejection::InEvaluation),
            rejections,
            overlap: overlap(groups, evaluation),
        }
    }
}

/// Training prompts that are in an evaluation set.
fn overlap(groups: &[PreferenceGroup], evaluation: &[EvaluationSet]) -> usize {
    let held: BTreeSet<String> =
        evaluation.iter().flat_map(|set| set.rows.iter().map(EvalRow::prompt)).collect();
    let prompts = groups.iter().flat_map(|group| [group.x1.prompt(), group.x2.prompt()]);
    prompts.filter(|prompt| held.contains(prompt)).count()
}
