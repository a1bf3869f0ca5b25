//! The training rows.

use std::collections::BTreeSet;

use trace_schema::{CompletionRow, ConstraintOperation, PreferenceGroup, PreferencePair, Provenance};

use super::summary::Tally;
use super::{DatasetConfig, EvaluationSet, WorldDataset};
use crate::rng::pick;
use crate::{Group, GroupBuilder, Rejection, Rejections, Task, WorldError, WorldRng, pair_from};

/// Instructions tried for one row before generation stops.
const ATTEMPTS_PER_ROW: u64 = 2_000;

/// Changes of constraints tried for one x₁.
const CHANGES: usize = 8;

/// Training rows as they come about.
pub(super) struct Training<'a> {
    config: &'a DatasetConfig,
    evaluation: &'a BTreeSet<String>,
    used: BTreeSet<String>,
    sft: Vec<CompletionRow>,
    pairs: Vec<PreferencePair>,
    groups: Vec<PreferenceGroup>,
    rejections: Rejections,
    tally: Tally,
}

impl<'a> Training<'a> {
    pub(super) fn new(config: &'a DatasetConfig, evaluation: &'a BTreeSet<String>) -> Self {
        Self {
            config,
            evaluation,
            used: BTreeSet::new(),
            sft: Vec::new(),
            pairs: Vec::new(),
            groups: Vec::new(),
            rejections: Rejections::default(),
            tally: Tally::default(),
        }
    }

    /// Makes all rows. A row keeps its number of constraints through all attempts, so that rejections do not
    /// shift the distribution.
    pub(super) fn fill(
        &mut self,
        writer: &mut impl FnMut(&Task, &mut WorldRng) -> Option<String>,
        rng: &mut WorldRng,
    ) -> Result<(), WorldError> {
        let wanted = self.config.rows;
        for made in 0..wanted {
            let count = self.config.sampler.count_distribution().draw(rng);
            let mut attempts = 0;
            loop {
                if attempts == ATTEMPTS_PER_ROW {
                    return Err(WorldError::TooFewRows { part: "training", made, wanted, attempts });
                }
                attempts += 1;
                match self.attempt(count, writer, rng)? {
                    Ok((pair, group)) => {
                        self.keep(pair, group, attempts);
                        break;
                    }
                    Err(rejection) => self.rejections.add(rejection),
                }
            }
        }
        Ok(())
    }

    fn attempt(
        &mut self,
        count: usize,
        writer: &mut impl FnMut(&Task, &mut WorldRng) -> Option<String>,
        rng: &mut WorldRng,
    ) -> Result<Result<(PreferencePair, Group), Rejection>, WorldError> {
        let x1 = self.config.sampler.sample_with(count, rng)?;
        Ok(self.row_of(&x1, writer, rng))
    }

    fn row_of(
        &mut self,
        x1: &Task,
        writer: &mut impl FnMut(&Task, &mut WorldRng) -> Option<String>,
        rng: &mut WorldRng,
    ) -> Result<(PreferencePair, Group), Rejection> {
        let prompt = x1.prompt();
        if self.evaluation.contains(&prompt) {
            return Err(Rejection::InEvaluation);
        }
        if self.used.contains(&prompt) {
            return Err(Rejection::Repeated);
        }
        let y1 = writer(x1, rng).ok_or(Rejection::NoFirstResponse)?;
        if !self.config.judge.accepts(x1, &y1, rng) {
            return Err(Rejection::FirstIsWrong);
        }
        let pair = pair_from(x1, y1.clone(), "", rng)?;
        let group = self.group_of(x1, &y1, writer, rng)?;
        Ok((pair, group))
    }

    /// A group around ⟨x₁, y₁⟩, by a change of constraints that several tries may look for.
    fn group_of(
        &mut self,
        x1: &Task,
        y1: &str,
        writer: &mut impl FnMut(&Task, &mut WorldRng) -> Option<String>,
        rng: &mut WorldRng,
    ) -> Result<Group, Rejection> {
        let operation = self.operation(x1, rng).ok_or(Rejection::NoPerturbation)?;
        let DatasetConfig { judge, conditions, .. } = *self.config;
        let builder = GroupBuilder { sampler: &self.config.sampler, judge, conditions };
        let mut last = None;
        for _ in 0..CHANGES {
            let rejection = match builder.group_from(x1, y1.to_owned(), operation, writer, rng) {
                Ok(group) if self.evaluation.contains(&group.x2.prompt()) => Rejection::InEvaluation,
                Ok(group) => return Ok(group),
                Err(rejection) => rejection,
            };
            // The last one is counted by the caller.
            if let Some(earlier) = last.replace(rejection) {
                self.rejections.add(earlier);
            }
        }
        Err(last.unwrap_or(Rejection::NoPerturbation))
    }

    /// One of the operations that keep the number of constraints within that of training, all equally often.
    fn operation(&self, x1: &Task, rng: &mut WorldRng) -> Option<ConstraintOperation> {
        let count = x1.clauses().len();
        let mut possible = ConstraintOperation::ALL.to_vec();
        possible.retain(|operation| match operation {
            ConstraintOperation::Add => count < self.config.sampler.count_distribution().largest(),
            ConstraintOperation::Delete => count > 1,
            ConstraintOperation::Revise => true,
        });
        pick(&possible, rng).copied()
    }

    fn keep(&mut self, pair: PreferencePair, group: Group, attempts: u64) {
        let number = self.groups.len();
        let provenance = Provenance {
            source: Some("world".to_owned()),
            seed: Some(self.config.seed),
            attempts: u32::try_from(attempts).ok(),
            ..Provenance::default()
        };
        let prompt = group.x1.prompt();
        self.tally.add(&group);
        self.used.insert(prompt.clone());
        self.sft.push(CompletionRow::new(prompt, group.y1.clone()));
        let id = format!("world-{number:06}");
        self.pairs.push(PreferencePair { id: id.clone(), provenance: Some(provenance.clone()), ..pair });
        self.groups.push(group.into_row(id, Some(provenance)));
    }

    pub(super) fn finish(self, evaluation: Vec<EvaluationSet>) -> WorldDataset {
        let summary = self.tally.finish(self.config, &self.groups, &evaluation, self.rejections);
        WorldDataset { sft: self.sft, pairs: self.pairs, groups: self.groups, evaluation, summary }
    }
}
