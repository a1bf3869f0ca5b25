//! Sizes, noise and learning rates of a bench.

use serde::{Deserialize, Serialize};
use trace_schema::ConstraintDimension;
use trace_world::{DIMENSIONS, EvaluationKind, Judge, Teacher};

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
    /// Whether y₂ is written with the random choices that y₁ was written with, as a revision of it would be: then the
    /// two differ in little but the changed constraint.
    pub same_draws: bool,
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
    /// Updates between two evaluations on the validation rows.
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
    /// β of DPO and IOPO. The paper's 0.1 is for responses of some hundred tokens; what a loss holds against a policy
    /// is β times a sum over tokens, so responses of a dozen tokens want more.
    pub beta: f64,
    /// Updates over which the learning rate rises to its value.
    pub warmup_steps: usize,
    /// Updates between two evaluations on the validation rows.
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

impl ExamSizes {
    /// No rows.
    pub const NONE: Self = Self { single: 0, multi: 0, held_out_pairs: 0, more: 0 };

    pub(crate) const fn of(&self, kind: EvaluationKind) -> usize {
        match kind {
            EvaluationKind::Single => self.single,
            EvaluationKind::Multi => self.multi,
            EvaluationKind::Pairs => self.held_out_pairs,
            EvaluationKind::More => self.more,
        }
    }
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
    /// Constraints of a training instruction at most. All numbers are sampled equally often; rejected rows are
    /// sampled again, so that numbers whose rows are rejected more often are rarer among those that are kept.
    pub most_constraints: usize,
    /// From random weights to a model that knows the skills and ignores constraints at times.
    pub base: SupervisedStage,
    /// From that to the model that the paper calls SFT: until validation rows stop improving.
    pub sft: SupervisedStage,
    /// Preference training.
    pub preference: PreferenceStage,
    /// Rows on which steps and learning rates are chosen.
    pub validation: ExamSizes,
    /// Rows that results are about.
    pub test: ExamSizes,
}

impl Recipe {
    /// A bench for a few minutes on two cores: a base model that saw few rows, by a writer who overlooks every fourth
    /// constraint.
    #[must_use]
    pub fn quickstart() -> Self {
        Self {
            exam_seed: 0,
            model: ModelShape::SMALL,
            dimensions: learnable(),
            most_constraints: 4,
            base: SupervisedStage {
                rows: 6_000,
                epochs: 7.0,
                batch_size: 32,
                learning_rate: 3e-3,
                schedule: "cosine".to_owned(),
                eval_steps: 0,
                writing: Writing::ignoring(0.25),
            },
            sft: SupervisedStage {
                rows: 3_000,
                epochs: 6.0,
                batch_size: 32,
                learning_rate: 5e-4,
                schedule: "constant_with_warmup".to_owned(),
                eval_steps: 40,
                writing: Writing::judged(0.2, 0.4),
            },
            preference: PreferenceStage {
                groups: 960,
                batch_size: 16,
                beta: 1.0,
                steps: 60,
                warmup_steps: 5,
                eval_steps: 20,
            },
            validation: ExamSizes { single: 50, multi: 250, held_out_pairs: 0, more: 0 },
            test: ExamSizes { single: 300, multi: 500, held_out_pairs: 300, more: 300 },
        }
    }
}

impl Recipe {
    /// A bench for hours: the quickstart's, with more passes over the base rows and larger exams.
    #[must_use]
    pub fn study() -> Self {
        let mut recipe = Self::quickstart();
        recipe.base.epochs = 9.0;
        recipe.test = ExamSizes { single: 400, multi: 800, held_out_pairs: 400, more: 400 };
        recipe
    }

    /// Every part of a bench as small as it can be: whether everything runs, and nothing else.
    #[must_use]
    pub fn smoke() -> Self {
        let mut recipe = Self::quickstart();
        recipe.model = ModelShape::SMALLEST;
        recipe.base.rows = 64;
        recipe.base.epochs = 1.0;
        recipe.sft.rows = 64;
        recipe.sft.epochs = 1.0;
        recipe.sft.eval_steps = 1;
        recipe.preference.groups = 8;
        recipe.preference.batch_size = 4;
        recipe.preference.steps = 2;
        recipe.preference.eval_steps = 1;
        recipe.preference.warmup_steps = 0;
        recipe.validation = ExamSizes { single: 2, multi: 2, held_out_pairs: 0, more: 0 };
        recipe.test = ExamSizes { single: 3, multi: 3, held_out_pairs: 3, more: 3 };
        recipe
    }
}

impl ModelShape {
    /// Fifty thousand parameters, which learn nothing.
    pub const SMALLEST: Self = Self {
        hidden_size: 32,
        layers: 1,
        heads: 2,
        key_value_heads: 1,
        intermediate_size: 64,
        vocabulary: 1_024,
    };

    /// A million parameters.
    pub const SMALL: Self = Self {
        hidden_size: 160,
        layers: 3,
        heads: 5,
        key_value_heads: 1,
        intermediate_size: 480,
        vocabulary: 1_024,
    };
}

impl Writing {
    /// Right responses alone.
    pub const ORACLE: Self = Self { teacher: Teacher::ORACLE, judge: Judge::ORACLE, same_draws: false };

    /// Every constraint is overlooked with a probability, and all rows pass.
    #[must_use]
    pub const fn ignoring(ignore: f64) -> Self {
        Self::judged(ignore, 1.0)
    }

    /// Every constraint is overlooked with a probability, and a judge lets a share of the wrong responses pass.
    #[must_use]
    pub const fn judged(ignore: f64, accepts_wrong: f64) -> Self {
        Self {
            teacher: Teacher { ignore, confuse: 0.0 },
            judge: Judge { accepts_wrong, rejects_right: 0.0 },
            same_draws: false,
        }
    }
}

/// The dimensions of the world that a model of this size learns: at least 60 % of their constraints were followed
/// after training on right responses alone, by `examples/skills.rs`. They are of all five types. Preference cannot
/// teach what a model is not able to do, so the others would measure skill instead of obedience.
fn learnable() -> Vec<ConstraintDimension> {
    use ConstraintDimension::{
        Inclusion, MarkdownProcess, Multilingual, NaturalLanguageProcess, NegativeExample, TableBackground,
        TextBackground, Theme,
    };
    let beyond = [
        Inclusion,
        MarkdownProcess,
        Multilingual,
        NaturalLanguageProcess,
        NegativeExample,
        TableBackground,
        TextBackground,
        Theme,
    ];
    DIMENSIONS.into_iter().filter(|dimension| !beyond.contains(dimension)).collect()
}
