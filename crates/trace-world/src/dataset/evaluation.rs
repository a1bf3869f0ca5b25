//! The evaluation sets.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use trace_schema::EvalRow;

use super::DatasetConfig;
use crate::{CountDistribution, HeldOut, TaskSampler, WorldError, world_rng};

/// Samples per row before the world counts as too small.
const ATTEMPTS_PER_ROW: u64 = 100;

/// So many rows more than there are so far may still be hoped for.
const ROWS_AHEAD: usize = 10_000;

/// The kind of an evaluation set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EvaluationKind {
    /// One constraint; IF-S.
    Single,
    /// Two constraints or more, as often as in training; IF-M.
    Multi,
    /// Two constraints or more, among them a pair of dimensions that training never has together.
    Pairs,
    /// One or two constraints more than training has at most.
    More,
}

impl EvaluationKind {
    /// All kinds, easiest first.
    pub const ALL: [Self; 4] = [Self::Single, Self::Multi, Self::Pairs, Self::More];

    /// The name in ids and file names.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Multi => "multi",
            Self::Pairs => "pairs",
            Self::More => "more",
        }
    }

    /// The name in tables.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Single => "IF-S",
            Self::Multi => "IF-M",
            Self::Pairs => "held-out pairs",
            Self::More => "more constraints",
        }
    }

    /// The sampler of its tasks, given that of the training tasks.
    ///
    /// # Errors
    ///
    /// [`WorldError::Sampler`] when training has one constraint at most.
    pub fn sampler(self, training: &TaskSampler) -> Result<TaskSampler, WorldError> {
        let counts = training.count_distribution();
        let sampler = training.clone();
        Ok(match self {
            Self::Single => sampler.counts(CountDistribution::up_to(1)),
            Self::Multi => sampler.counts(counts.at_least(2)?),
            Self::Pairs => sampler.counts(counts.at_least(2)?).held_out(HeldOut::Require),
            Self::More => {
                sampler.counts(CountDistribution::between(counts.largest() + 1, counts.largest() + 2))
            }
        })
    }
}

/// An evaluation set. Every row carries its task.
#[derive(Debug, Clone, PartialEq)]
pub struct EvaluationSet {
    /// Its kind.
    pub kind: EvaluationKind,
    /// The rows.
    pub rows: Vec<EvalRow>,
}

/// Samples the rows of one set; `prompts` has those of all sets so far.
pub(super) fn generate(
    kind: EvaluationKind,
    config: &DatasetConfig,
    prompts: &mut BTreeSet<String>,
) -> Result<EvaluationSet, WorldError> {
    let sampler = kind.sampler(&config.sampler)?;
    let mut rng = world_rng(config.seed, kind as u64);
    let wanted = config.evaluation_rows;
    let mut rows = Vec::new();
    let mut attempts = 0;
    while rows.len() < wanted {
        if attempts >= ATTEMPTS_PER_ROW * wanted.min(rows.len() + ROWS_AHEAD) as u64 {
            return Err(WorldError::TooFewRows { part: kind.name(), made: rows.len(), wanted, attempts });
        }
        attempts += 1;
        let task = sampler.sample(&mut rng)?;
        if prompts.insert(task.prompt()) {
            let id = format!("{}-{:06}", kind.name(), rows.len());
            rows.push(task.to_eval_row(id, "world")?);
        }
    }
    Ok(EvaluationSet { kind, rows })
}
