//! Counts: the questions and tokens of one row, and the rows of a run.

use std::collections::{BTreeMap, BTreeSet};

use chat_client::Usage;
use serde::Serialize;
use serde_json::Value;
use trace_schema::{ConstraintOperation, Instruction};
use trace_score::{ReasoningCounts, ReasoningMode};

use super::config::ModelRole;
use super::row::Outcome;
use super::stage::{Reason, Stage};

/// The rows that a run has built, and the tokens it used: the file `summary.json`.
///
/// It counts answers that rows used, whether they were asked for in this run or an earlier one; so it is the same
/// however often a run was interrupted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Whether every row was finished. Otherwise another run continues where this one stopped.
    pub complete: bool,
    /// Seeds that were taken.
    pub seeds: u64,
    /// Rows of each file.
    pub kept: Kept,
    /// Each stage with the rows that came to it and those that it rejected, by reason.
    pub funnel: Vec<FunnelStage>,
    /// Training instructions that passed quality control.
    pub training: InstructionCounts,
    /// Evaluation instructions that passed quality control.
    pub evaluation: InstructionCounts,
    /// Operations that were sampled, with how many of their groups were kept.
    pub operations: BTreeMap<String, OperationCount>,
    /// The tokens of the generator.
    pub generator: ModelCount,
    /// The tokens of the judge; it may be the same model.
    pub judge: ModelCount,
    /// How many responses were written with reasoning, and what became of it.
    pub reasoning: ReasoningCounts,
    /// The version of the built-in prompts.
    pub prompts_version: u32,
    /// SHA-256 of each prompt in force.
    pub prompts: BTreeMap<String, String>,
    /// The configuration, as the caller wrote it.
    pub config: Value,
}

/// Rows of each file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Kept {
    /// `sft.jsonl`.
    pub sft: u64,
    /// `pairs.jsonl`.
    pub pairs: u64,
    /// `groups.jsonl`.
    pub groups: u64,
    /// `eval.jsonl`.
    pub evaluation: u64,
    /// `rejected.jsonl`.
    pub rejected: u64,
}

impl Kept {
    /// Whether any row was kept.
    pub(super) fn any(&self) -> bool {
        self.sft + self.pairs + self.groups + self.evaluation > 0
    }
}

/// One stage of the funnel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FunnelStage {
    /// The stage.
    pub stage: Stage,
    /// Rows that came to it.
    pub entered: u64,
    /// Rows that it rejected.
    pub rejected: u64,
    /// Those by reason.
    pub reasons: BTreeMap<Reason, u64>,
    /// Answers that it used.
    pub calls: u64,
}

/// The composition of instructions.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct InstructionCounts {
    /// Instructions by their number of constraints.
    pub by_constraint_count: BTreeMap<usize, u64>,
    /// Instructions by the number of constraints that was sampled for them.
    pub by_wanted_count: BTreeMap<usize, u64>,
    /// Constraints by dimension.
    pub by_dimension: BTreeMap<String, u64>,
}

/// How often an operation was sampled, and how many groups came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct OperationCount {
    /// Rows for which it was sampled.
    pub drawn: u64,
    /// Groups that were kept.
    pub kept: u64,
}

/// The tokens of a model.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct ModelCount {
    /// Its name.
    pub model: String,
    /// Tokens of prompts.
    pub prompt_tokens: u64,
    /// Tokens of answers.
    pub completion_tokens: u64,
    /// Whether the endpoint left out the counts of some answers.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_partial: bool,
    /// What was sent otherwise than configured, because the endpoint does not take it.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub changes: BTreeSet<String>,
    /// Their cost, where prices are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<f64>,
}

/// The running counts; their size does not depend on the number of rows.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub seeds: u64,
    pub kept: Kept,
    is_open: bool,
    entered: BTreeMap<Stage, u64>,
    calls: BTreeMap<Stage, u64>,
    reasons: BTreeMap<Stage, BTreeMap<Reason, u64>>,
    training: InstructionCounts,
    evaluation: InstructionCounts,
    operations: BTreeMap<ConstraintOperation, OperationCount>,
    usage: BTreeMap<ModelRole, Usage>,
    changes: BTreeSet<(ModelRole, String)>,
    reasoning: ReasoningCounts,
}

impl Tally {
    pub fn add(&mut self, outcome: &Outcome) {
        self.seeds += 1;
        for stage in &outcome.log.entered {
            *self.entered.entry(*stage).or_default() += 1;
        }
        for (stage, calls) in &outcome.log.calls {
            *self.calls.entry(*stage).or_default() += calls;
        }
        for (role, usage) in &outcome.log.usage {
            add_usage(self.usage.entry(*role).or_default(), *usage);
        }
        self.changes.extend(outcome.log.changes.iter().cloned());
        self.reasoning.absorb(outcome.log.reasoned);
        for (stage, reason) in &outcome.faults {
            *self.reasons.entry(*stage).or_default().entry(*reason).or_default() += 1;
            self.is_open |= reason.is_open();
        }
        if let Some(x1) = &outcome.x1 {
            let counts = if outcome.held_out { &mut self.evaluation } else { &mut self.training };
            counts.add(x1, outcome.target);
        }
        if let Some(operation) = outcome.operation {
            let count = self.operations.entry(operation).or_default();
            count.drawn += 1;
            count.kept += u64::from(outcome.group.is_some());
        }
        self.kept.sft += u64::from(outcome.sft.is_some());
        self.kept.pairs += u64::from(outcome.pair.is_some());
        self.kept.groups += u64::from(outcome.group.is_some());
        self.kept.evaluation += u64::from(outcome.evaluation.is_some());
        self.kept.rejected += outcome.rejected.len() as u64;
    }

    pub fn usage(&self, role: ModelRole) -> Usage {
        self.usage.get(&role).copied().unwrap_or_default()
    }

    pub fn changes(&self, role: ModelRole) -> BTreeSet<String> {
        let of_role = self.changes.iter().filter(|(of, _)| *of == role);
        of_role.map(|(_, change)| change.clone()).collect()
    }

    /// How many texts had reasoning, and what became of it.
    pub fn reasoning(&self, mode: ReasoningMode) -> ReasoningCounts {
        ReasoningCounts { mode, ..self.reasoning }
    }

    pub fn is_complete(&self) -> bool {
        !self.is_open
    }

    pub fn funnel(&self) -> Vec<FunnelStage> {
        let stage = |stage: &Stage| {
            let reasons = self.reasons.get(stage).cloned().unwrap_or_default();
            FunnelStage {
                stage: *stage,
                entered: self.entered.get(stage).copied().unwrap_or_default(),
                rejected: reasons.values().sum(),
                reasons,
                calls: self.calls.get(stage).copied().unwrap_or_default(),
            }
        };
        Stage::ALL.iter().map(stage).collect()
    }

    pub fn operations(&self) -> BTreeMap<String, OperationCount> {
        self.operations.iter().map(|(operation, count)| (operation.name().to_owned(), *count)).collect()
    }

    pub fn instructions(&self) -> (InstructionCounts, InstructionCounts) {
        (self.training.clone(), self.evaluation.clone())
    }
}

impl InstructionCounts {
    fn add(&mut self, instruction: &Instruction, wanted: usize) {
        *self.by_constraint_count.entry(instruction.constraints.len()).or_default() += 1;
        *self.by_wanted_count.entry(wanted).or_default() += 1;
        for label in instruction.constraints.iter().filter_map(|constraint| constraint.dimension.as_ref()) {
            *self.by_dimension.entry(label.name().to_owned()).or_default() += 1;
        }
    }
}

/// Stages that a row entered, questions that were asked for it and tokens that they took.
///
/// It counts answers that the row used, fresh or from the journal, so that it is the same in every run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Log {
    pub entered: BTreeSet<Stage>,
    pub calls: BTreeMap<Stage, u64>,
    pub usage: BTreeMap<ModelRole, Usage>,
    /// What was sent otherwise than configured.
    pub changes: BTreeSet<(ModelRole, String)>,
    /// The reasoning before the last text of each stage, where it is kept.
    pub reasoning: BTreeMap<Stage, String>,
    /// How many texts had reasoning.
    pub reasoned: ReasoningCounts,
}

impl Log {
    pub fn add(&mut self, stage: Stage, role: ModelRole, usage: Usage) {
        *self.calls.entry(stage).or_default() += 1;
        add_usage(self.usage.entry(role).or_default(), usage);
    }

    /// Keeps the reasoning of a stage's last text in the place of that of the text before it.
    pub fn keep_reasoning(&mut self, stage: Stage, reasoning: Option<String>) {
        match reasoning {
            Some(reasoning) => self.reasoning.insert(stage, reasoning),
            None => self.reasoning.remove(&stage),
        };
    }

    pub fn absorb(&mut self, other: Self) {
        self.changes.extend(other.changes);
        self.reasoning.extend(other.reasoning);
        self.reasoned.absorb(other.reasoned);
        self.entered.extend(other.entered);
        for (stage, calls) in other.calls {
            *self.calls.entry(stage).or_default() += calls;
        }
        for (role, usage) in other.usage {
            add_usage(self.usage.entry(role).or_default(), usage);
        }
    }

    /// Tokens of both models.
    pub fn total(&self) -> Usage {
        let mut total = Usage::default();
        self.usage.values().for_each(|usage| add_usage(&mut total, *usage));
        total
    }
}

/// The counts of tokens that an endpoint reports are not bounded.
pub(super) fn add_usage(sum: &mut Usage, more: Usage) {
    sum.prompt_tokens = sum.prompt_tokens.saturating_add(more.prompt_tokens);
    sum.completion_tokens = sum.completion_tokens.saturating_add(more.completion_tokens);
    sum.is_partial |= more.is_partial;
}
