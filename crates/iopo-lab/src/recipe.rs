//! Sizes, noise and learning rates of a bench.

use serde::{Deserialize, Serialize};
use trace_schema::ConstraintDimension;
use trace_synthesis::world::{DIMENSIONS, Judge, Teacher};

/// Sizes of a Qwen2 model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelShape {
    /// Width of the stream.
    pub hidden_size: usize,
    /// Decoder layers.
    pub layers: usize,
    /// Query heads.
    pub heads: usize,
    /// Key-value heads.
    pub key_value_heads: usize,
    /// Width of the feed-forward part.
    pub intermediate_size: usize,
    /// Entries of the tokenizer's vocabulary at most.
    pub vocabulary: usize,
}

/// How rows are written and filtered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Writing {
    /// Who writes.
    pub teacher: Teacher,
    /// Who lets rows pass.
    pub judge: Judge,
}

/// Supervised training on rows of the world.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SupervisedStage {
    /// Rows to train on.
    pub rows: usize,
    /// Passes over them at most.
    pub epochs: f64,
    /// Rows in an update.
    pub batch_size: usize,
    /// Highest learning rate.
    pub learning_rate: f64,
    /// Its schedule, by the trainer's name.
    pub schedule: String,
    /// Updates between two looks at the validation rows.
    pub eval_steps: usize,
    /// How the rows are written.
    pub writing: Writing,
}

/// Preference training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PreferenceStage {
    /// Groups, and as many pairs.
    pub groups: usize,
    /// Groups in an update.
    pub batch_size: usize,
    /// Updates at most.
    pub steps: usize,
    /// Updates over which the learning rate rises to its value.
    pub warmup_steps: usize,
    /// Updates between two looks at the validation rows.
    pub eval_steps: usize,
}

/// Rows that are answered and judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExamSizes {
    /// One constraint.
    pub single: usize,
    /// Several, as in training.
    pub multi: usize,
    /// Two dimensions that never met in training.
    pub held_out_pairs: usize,
    /// More constraints than in training.
    pub more: usize,
}

/// A bench: one world, one model shape, and the stages before preference training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// Seed of the exams. Benches with other seeds of their own answer the same questions.
    pub exam_seed: u64,
    /// Sizes of the model.
    pub model: ModelShape,
    /// Dimensions that constraints have.
    pub dimensions: Vec<ConstraintDimension>,
    /// Constraints of a training instruction at most; all numbers are equally frequent.
    pub most_constraints: usize,
    /// From random weights to a model that knows the skills and ignores constraints at times.
    pub base: SupervisedStage,
    /// From that to the model that the paper calls SFT: until validation rows stop improving.
    pub sft: SupervisedStage,
    /// What follows.
    pub preference: PreferenceStage,
    /// Rows on which steps and learning rates are chosen.
    pub validation: ExamSizes,
    /// Rows that results are about.
    pub test: ExamSizes,
}

impl Recipe {
    /// A bench for a few minutes on two cores: a base model whose writer ignored many constraints, and perfect
    /// responses to learn from.
    #[must_use]
    pub fn quickstart() -> Self {
        Self {
            exam_seed: 0,
            model: ModelShape::SMALL,
            dimensions: learnable(),
            most_constraints: 4,
            base: SupervisedStage {
                rows: 16_000,
                epochs: 1.0,
                batch_size: 32,
                learning_rate: 2e-3,
                schedule: "cosine".to_owned(),
                eval_steps: 0,
                writing: Writing::careless(0.3),
            },
            sft: SupervisedStage {
                rows: 3_000,
                epochs: 4.0,
                batch_size: 32,
                learning_rate: 5e-4,
                schedule: "constant_with_warmup".to_owned(),
                eval_steps: 40,
                writing: Writing::judged(0.2, 0.4),
            },
            preference: PreferenceStage {
                groups: 960,
                batch_size: 16,
                steps: 60,
                warmup_steps: 5,
                eval_steps: 15,
            },
            validation: ExamSizes { single: 50, multi: 250, held_out_pairs: 0, more: 0 },
            test: ExamSizes { single: 300, multi: 500, held_out_pairs: 300, more: 300 },
        }
    }
}

impl ModelShape {
    /// 1.1 million parameters.
    pub const SMALL: Self = Self {
        hidden_size: 128,
        layers: 5,
        heads: 4,
        key_value_heads: 2,
        intermediate_size: 384,
        vocabulary: 1_024,
    };
}

impl Writing {
    /// Right responses alone.
    pub const ORACLE: Self = Self { teacher: Teacher::ORACLE, judge: Judge::ORACLE };

    /// Every constraint is overlooked with a probability, and all rows pass.
    #[must_use]
    pub const fn careless(ignore: f64) -> Self {
        Self::judged(ignore, 1.0)
    }

    /// Every constraint is overlooked with a probability, and a judge lets a share of the wrong responses pass.
    #[must_use]
    pub const fn judged(ignore: f64, accepts_wrong: f64) -> Self {
        Self { teacher: Teacher { ignore, confuse: 0.0 }, judge: Judge { accepts_wrong, rejects_right: 0.0 } }
    }
}

/// All dimensions of the world but three: models of this size hardly learn, in so few rows, to copy what a
/// prompt names.
fn learnable() -> Vec<ConstraintDimension> {
    use ConstraintDimension::{Inclusion, TableBackground, TextBackground};
    let copied = [Inclusion, TableBackground, TextBackground];
    DIMENSIONS.into_iter().filter(|dimension| !copied.contains(dimension)).collect()
}
