//! Training rows from the world.

use std::collections::BTreeSet;

use rand::Rng;
use trace_schema::{CompletionRow, ConstraintOperation, PreferenceGroup, PreferencePair};
use trace_world::{
    Conditions, Group, GroupBuilder, Rejection, Rejections, Task, TaskSampler, WorldError, WorldRng,
    pair_from, world_rng,
};

use crate::error::LabError;
use crate::recipe::Writing;

/// Prompts that no training row may have.
pub type Reserved = BTreeSet<String>;

/// Candidates for each row; more means that the world or the writer has no such rows.
const ATTEMPTS_PER_ROW: u64 = 2_000;

/// Counts candidates for rows, so that what cannot be found is not looked for without end.
pub(crate) struct Attempts {
    part: &'static str,
    wanted: usize,
    made: u64,
    limit: u64,
}

impl Attempts {
    /// For so many rows, with so many candidates for each.
    pub(crate) fn new(part: &'static str, wanted: usize, per_row: u64) -> Self {
        Self { part, wanted, made: 0, limit: per_row.saturating_mul(wanted as u64) }
    }

    /// As [`Attempts::new`], for candidates that cost nothing.
    pub(crate) fn sampled(part: &'static str, wanted: usize) -> Self {
        Self::new(part, wanted, ATTEMPTS_PER_ROW)
    }

    /// Counts the next candidate, `found` rows having been found.
    pub(crate) fn next(&mut self, found: usize) -> Result<(), WorldError> {
        self.next_round(1, found)
    }

    /// Counts candidates that come together; the first round always may.
    pub(crate) fn next_round(&mut self, candidates: usize, found: usize) -> Result<(), WorldError> {
        if self.made >= self.limit {
            let Self { part, wanted, made: attempts, .. } = *self;
            return Err(WorldError::TooFewRows { part, made: found, wanted, attempts });
        }
        self.made += candidates as u64;
        Ok(())
    }
}

/// Samples rows that a writer wrote and a judge let pass.
///
/// # Errors
/// A sampler that finds no task, and too few rows that pass.
pub fn supervised_rows(
    sampler: &TaskSampler,
    writing: &Writing,
    reserved: &Reserved,
    rows: usize,
    rng: &mut WorldRng,
) -> Result<Vec<CompletionRow>, LabError> {
    let mut found = Vec::with_capacity(rows);
    let mut attempts = Attempts::sampled("supervised rows", rows);
    while found.len() < rows {
        attempts.next(found.len())?;
        let task = sampler.sample(rng)?;
        let prompt = task.prompt();
        let completion = writing.teacher.write(&task, rng);
        if !reserved.contains(&prompt) && writing.judge.accepts(&task, &completion, rng) {
            found.push(CompletionRow::new(prompt, completion));
        }
    }
    Ok(found)
}

/// Groups and pairs about the same x₁ and y₁, so that methods on either learn from the same rows.
#[derive(Debug, Clone, Default)]
pub struct PreferenceRows {
    /// x₁, y₁, x₂, y₂: the paper's Appendix D.
    pub groups: Vec<PreferenceGroup>,
    /// x₁, y₁ and a worse answer: the paper's Appendix C.
    pub pairs: Vec<PreferencePair>,
    /// Why candidates were not kept.
    pub rejections: Rejections,
}

impl PreferenceRows {
    /// Rows by a writer and a judge, operations in turn.
    ///
    /// # Errors
    /// A sampler that finds no task, and too few rows that pass.
    pub fn written(
        sampler: &TaskSampler,
        writing: &Writing,
        reserved: &Reserved,
        rows: usize,
        rng: &mut WorldRng,
    ) -> Result<Self, LabError> {
        let builder = GroupBuilder { sampler, judge: writing.judge, conditions: Conditions::ALL_FOUR };
        let mut found = Self::default();
        let mut attempts = Attempts::sampled("preference rows", rows);
        while found.groups.len() < rows {
            attempts.next(found.groups.len())?;
            let x1 = sampler.sample(rng)?;
            let draws = world_rng(rng.next_u64(), 0);
            let mut writer = |task: &Task, rng: &mut WorldRng| {
                let understood = writing.teacher.understood(task, rng);
                Some(if writing.same_draws {
                    understood.respond(&mut draws.clone())
                } else {
                    understood.respond(rng)
                })
            };
            let operation = ConstraintOperation::ALL[found.groups.len() % 3];
            let group = builder.group(&x1, operation, &mut writer, rng);
            let pair = |group: &Group, rng: &mut WorldRng| {
                pair_from(&x1, group.y1.clone(), format!("p{}", found.pairs.len()), rng)
            };
            let kept = group.and_then(|group| pair(&group, rng).map(|pair| (group, pair)));
            found.keep(kept, reserved);
        }
        Ok(found)
    }

    /// Counts a candidate among the rows or among the rejected.
    pub(crate) fn keep(
        &mut self,
        candidate: Result<(Group, PreferencePair), Rejection>,
        reserved: &Reserved,
    ) {
        match candidate {
            Ok((group, _))
                if reserved.contains(&group.x1.prompt()) || reserved.contains(&group.x2.prompt()) =>
            {
                self.rejections.add(Rejection::InEvaluation);
            }
            Ok((group, pair)) => {
                self.groups.push(group.into_row(format!("g{}", self.groups.len()), None));
                self.pairs.push(pair);
            }
            Err(reason) => self.rejections.add(reason),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use trace_world::{CountDistribution, Judge, Teacher};

    use super::*;

    #[test]
    fn what_no_judge_lets_pass_is_not_looked_for_without_end() {
        let sampler = TaskSampler::new(CountDistribution::up_to(1));
        let strict = Judge { accepts_wrong: 0.0, rejects_right: 1.0 };
        let writing = Writing { teacher: Teacher::ORACLE, judge: strict, same_draws: false };
        let (reserved, mut rng) = (Reserved::new(), world_rng(1, 0));
        let error = supervised_rows(&sampler, &writing, &reserved, 1, &mut rng).unwrap_err();
        assert_eq!(error.to_string(), "supervised rows: only 0 of 1 rows were made in 2000 attempts");
        let error = PreferenceRows::written(&sampler, &writing, &reserved, 1, &mut rng).unwrap_err();
        assert!(error.to_string().starts_with("preference rows: only 0 of 1 rows"), "{error}");
    }
}
