//! Training rows from the world.

use std::collections::BTreeSet;

use rand::Rng;
use trace_schema::{ConstraintOperation, PreferenceGroup, PreferencePair};
use trace_synthesis::world::{
    Conditions, Group, GroupBuilder, Rejection, Rejections, SftRow, Task, TaskSampler, WorldRng, pair_from,
    world_rng,
};

use crate::error::LabError;
use crate::recipe::Writing;

/// Prompts that no training row may have.
pub type Reserved = BTreeSet<String>;

/// Draws rows that a writer wrote and a judge let pass.
///
/// # Errors
/// A sampler that finds no task.
pub fn supervised_rows(
    sampler: &TaskSampler,
    writing: &Writing,
    reserved: &Reserved,
    rows: usize,
    rng: &mut WorldRng,
) -> Result<Vec<SftRow>, LabError> {
    let mut found = Vec::with_capacity(rows);
    while found.len() < rows {
        let task = sampler.sample(rng)?;
        let prompt = task.prompt();
        let completion = writing.teacher.write(&task, rng);
        if !reserved.contains(&prompt) && writing.judge.accepts(&task, &completion, rng) {
            found.push(SftRow { prompt, completion });
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
    /// A sampler that finds no task.
    pub fn written(
        sampler: &TaskSampler,
        writing: &Writing,
        reserved: &Reserved,
        rows: usize,
        rng: &mut WorldRng,
    ) -> Result<Self, LabError> {
        let builder = GroupBuilder { sampler, judge: writing.judge, conditions: Conditions::ALL_FOUR };
        let mut found = Self::default();
        while found.groups.len() < rows {
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
