//! A whole data set: training rows of three kinds and four evaluation sets.

mod evaluation;
mod summary;
mod training;

pub use evaluation::{EvaluationKind, EvaluationSet};
pub use summary::{CellCounts, Summary};

use std::collections::BTreeSet;

use trace_schema::{CompletionRow, PreferenceGroup, PreferencePair};

use self::training::Training;
use crate::{
    Conditions, CountDistribution, Judge, Task, TaskSampler, Teacher, WorldError, WorldRng, world_rng,
};

/// The most rows of a part. The paper's training set has 119,345.
pub const MAX_ROWS: usize = 1_000_000;

/// The configuration of a data set. The same configuration gives the same bytes everywhere.
#[derive(Debug, Clone)]
pub struct DatasetConfig {
    /// Training rows of each kind, at most [`MAX_ROWS`].
    pub rows: usize,
    /// Rows of each evaluation set, at most [`MAX_ROWS`].
    pub evaluation_rows: usize,
    /// The seed of all random choices.
    pub seed: u64,
    /// Samples training tasks. Evaluation sets have its categories and dimensions, and the pairs that it avoids.
    pub sampler: TaskSampler,
    /// Who writes the responses.
    pub teacher: Teacher,
    /// Who decides which responses and groups are kept.
    pub judge: Judge,
    /// Which cells of a group are checked.
    pub conditions: Conditions,
}

impl DatasetConfig {
    /// Up to five constraints, written and judged without mistakes, all four conditions.
    pub fn new(rows: usize, evaluation_rows: usize, seed: u64) -> Self {
        Self {
            rows,
            evaluation_rows,
            seed,
            sampler: TaskSampler::new(CountDistribution::up_to(5)),
            teacher: Teacher::ORACLE,
            judge: Judge::ORACLE,
            conditions: Conditions::ALL_FOUR,
        }
    }
}

/// Training rows and evaluation sets. Row i of each training kind is about the same x₁ and y₁.
#[derive(Debug, Clone, PartialEq)]
pub struct WorldDataset {
    /// ⟨x₁, y₁⟩.
    pub sft: Vec<CompletionRow>,
    /// ⟨x₁, y₁, a worse response⟩.
    pub pairs: Vec<PreferencePair>,
    /// ⟨x₁, y₁, x₂, y₂⟩.
    pub groups: Vec<PreferenceGroup>,
    /// The evaluation sets. Their prompts are not in training, and no prompt occurs twice.
    pub evaluation: Vec<EvaluationSet>,
    /// Numbers about all of it.
    pub summary: Summary,
}

impl WorldDataset {
    /// Generates a data set whose responses the configured teacher writes.
    ///
    /// # Errors
    ///
    /// [`WorldError::TooManyRows`]; [`WorldError::Sampler`] for probabilities outside 0 to 1 or counts below two; that or
    /// [`WorldError::TooFewRows`] when the world does not hold as many different tasks as asked for, or the judge
    /// rejects nearly everything.
    pub fn generate(config: &DatasetConfig) -> Result<Self, WorldError> {
        let teacher = config.teacher;
        Self::generate_with(config, &mut |task, rng| Some(teacher.write(task, rng)))
    }

    /// Generates a data set whose responses any writer writes; the configured teacher is not asked.
    ///
    /// # Errors
    ///
    /// As [`WorldDataset::generate`].
    pub fn generate_with(
        config: &DatasetConfig,
        writer: &mut impl FnMut(&Task, &mut WorldRng) -> Option<String>,
    ) -> Result<Self, WorldError> {
        check(config)?;
        let mut prompts = BTreeSet::new();
        let mut evaluation = Vec::new();
        for kind in EvaluationKind::ALL {
            evaluation.push(evaluation::generate(kind, config, &mut prompts)?);
        }
        let mut training = Training::new(config, &prompts);
        let mut rng = world_rng(config.seed, EvaluationKind::ALL.len() as u64);
        training.fill(writer, &mut rng)?;
        Ok(training.finish(evaluation))
    }
}

fn check(config: &DatasetConfig) -> Result<(), WorldError> {
    for (part, wanted) in [("training", config.rows), ("evaluation", config.evaluation_rows)] {
        if wanted > MAX_ROWS {
            return Err(WorldError::TooManyRows { part, wanted });
        }
    }
    let Teacher { ignore, confuse } = config.teacher;
    let Judge { accepts_wrong, rejects_right } = config.judge;
    let problem =
        if [ignore, confuse, accepts_wrong, rejects_right].iter().any(|part| !(0.0..=1.0).contains(part)) {
            "a probability is outside 0 to 1"
        } else if config.sampler.count_distribution().largest() < 2 {
            "training tasks need up to two constraints at least"
        } else {
            return Ok(());
        };
    Err(WorldError::sampler(problem))
}
