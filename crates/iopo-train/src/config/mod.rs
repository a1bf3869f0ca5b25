//! The validated configuration of a run.

mod checker;
mod eval_prompts;
mod evaluation;
mod identity;
mod loss;
mod run;
mod shares;

use std::path::PathBuf;
use std::sync::Arc;

use iopo_data::{LengthPolicy, RenderTime, Template, UnknownLabels};
use iopo_model::{LoraConfig, Precision};

use crate::args::{ArgsError, Notice, TrainArgs};
use crate::objective::Objective;
use crate::optimizer::AdamWConfig;
use crate::schedule::LrScheduleKind;
use crate::step::GroupPasses;

use checker::Checker;
pub use eval_prompts::EvalPromptsConfig;
pub(crate) use identity::LOSS;

/// Which parameters are trained.
#[derive(Debug, Clone, PartialEq)]
pub enum FineTuning {
    /// All of them.
    Full,
    /// Low-rank adapters on a frozen model.
    Lora(LoraConfig),
}

/// How often something is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntervalStrategy {
    /// Never, or at the end only.
    No,
    /// Every so many updates.
    Steps(usize),
    /// After every epoch.
    Epoch,
}

impl IntervalStrategy {
    /// Whether it is time after update `step`, with or without which an epoch ended.
    pub(crate) fn is_due(self, step: usize, epoch_ended: bool) -> bool {
        match self {
            Self::No => false,
            Self::Steps(every) => step.is_multiple_of(every),
            Self::Epoch => epoch_ended,
        }
    }
}

/// When checkpoints are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaveConfig {
    /// How often; the final model is written in any case.
    pub strategy: IntervalStrategy,
    /// How many to keep; `None` for all.
    pub keep: Option<usize>,
}

/// The reference, where the objective needs one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReferenceConfig {
    /// Hugging Face folder of another model than the one that is trained.
    pub model: Option<PathBuf>,
    /// PEFT folder of the reference's adapter, on that model or on the one that is trained.
    pub adapter: Option<PathBuf>,
    /// Folder that keeps its log-probs; `None` to run it in every step instead.
    pub cache: Option<PathBuf>,
}

impl ReferenceConfig {
    /// Whether it is something else than the policy as it starts.
    #[must_use]
    pub fn is_another(&self) -> bool {
        self.model.is_some() || self.adapter.is_some()
    }
}

/// Which of the evaluated models is the best, and what follows from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelectionConfig {
    /// The metric that is compared, without `eval_` before its name.
    pub metric: String,
    /// Whether more of it is better.
    pub greater_is_better: bool,
    /// Whether the best model is the final one, instead of the last.
    pub load_best: bool,
    /// How many evaluations in a row may bring no better model before training stops; `None` for any number.
    pub patience: Option<usize>,
}

/// How the warm-up was given.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Warmup {
    /// In updates.
    Steps(usize),
    /// As a share of all updates.
    Ratio(f64),
}

impl Warmup {
    /// Number of updates: `ceil(ratio · total)`.
    pub(crate) fn steps(self, total: usize) -> usize {
        match self {
            Self::Steps(steps) => steps,
            Self::Ratio(ratio) => (ratio * total as f64).ceil() as usize,
        }
    }
}

/// Which rows are read, and how they become examples.
#[derive(Debug, Clone, PartialEq)]
pub struct DataConfig {
    /// Names in `dataset_info.json`, or paths.
    pub train: Vec<String>,
    /// The same, for evaluation.
    pub eval: Vec<String>,
    /// Where `dataset_info.json` lies.
    pub dir: PathBuf,
    /// How prompts are rendered.
    pub template: Template,
    /// The time that a chat template prints; without one, that of the run's first start.
    pub template_date: Option<RenderTime>,
    /// Longest sequence in tokens.
    pub cutoff_len: usize,
    /// What happens to longer ones.
    pub length_policy: LengthPolicy,
    /// What happens to rows whose constraint labels name none of the 26 dimensions.
    pub unknown_labels: UnknownLabels,
    /// Whether rows that are broken, or that template or tokenizer refuse, are left out and counted.
    pub skip_bad_rows: bool,
    /// How many rows of each dataset are used: the first ones, before anything is split or converted.
    pub max_samples: Option<usize>,
    /// Held-out rows: a share below 1, else a number.
    pub val_size: f64,
}

/// The validated configuration of a run.
#[derive(Debug, Clone)]
pub struct TrainConfig {
    /// Lines for the user about keys that are accepted with another meaning.
    pub notices: Vec<Notice>,
    /// Hugging Face folder.
    pub model: PathBuf,
    /// Whether training starts from new weights, sampled with the seed, instead of those in `model`.
    pub from_scratch: bool,
    /// PEFT folder to start from.
    pub adapter: Option<PathBuf>,
    /// Whether that adapter is merged and a new one put on top.
    pub new_adapter: bool,
    /// Which parameters are trained.
    pub fine_tuning: FineTuning,
    /// Float types of weights, adapter and loss.
    pub precision: Precision,
    /// The loss.
    pub objective: Arc<dyn Objective>,
    /// The reference that the policy is compared with.
    pub reference: ReferenceConfig,
    /// Rows to train on and to evaluate on.
    pub data: DataConfig,
    /// Where results go.
    pub output_dir: PathBuf,
    /// Whether results in it may be replaced.
    pub overwrite_output_dir: bool,
    /// Checkpoint to continue from; an empty path for the latest in `output_dir`.
    pub resume: Option<PathBuf>,
    /// Every so many updates, a line is logged.
    pub logging_steps: usize,
    /// When checkpoints are written.
    pub save: SaveConfig,
    /// Whether curves are drawn at the end.
    pub plot_loss: bool,
    /// Examples of a micro-batch, a group counting as one; `accumulation` times as many make an update.
    pub batch_size: usize,
    /// Tokens that go through the model together, if given: how the examples of an update are split
    /// instead of by `batch_size`.
    pub tokens_per_batch: Option<usize>,
    /// Micro-batches in an update.
    pub accumulation: usize,
    /// Whether an update may take micro-batches of two epochs, as the paper's trainer does.
    pub accumulate_across_epochs: bool,
    /// Whether the backward pass recomputes layers instead of keeping their activations.
    pub gradient_checkpointing: bool,
    /// How often a group goes through the model for its gradient.
    pub group_passes: GroupPasses,
    /// Passes over the data.
    pub epochs: f64,
    /// Number of updates, if given; wins over `epochs`.
    pub max_steps: Option<usize>,
    /// Highest learning rate.
    pub learning_rate: f64,
    /// Shape of the schedule.
    pub schedule: LrScheduleKind,
    pub(crate) warmup: Warmup,
    /// The optimizer.
    pub optimizer: AdamWConfig,
    /// Longest gradient; 0 for no limit.
    pub max_grad_norm: f64,
    /// Seed of the shuffling, the split, and new weights and adapters.
    pub seed: u64,
    /// When held-out rows are evaluated; at the end too, unless it is never.
    pub eval: IntervalStrategy,
    /// Examples that are evaluated together.
    pub eval_batch_size: usize,
    /// Whether there is an evaluation before the first update.
    pub eval_on_start: bool,
    /// Prompts that are answered at every evaluation, and whose answers verifiers check.
    pub eval_prompts: Option<EvalPromptsConfig>,
    /// Which evaluated model is the best, where that matters.
    pub selection: Option<SelectionConfig>,
}

impl TrainConfig {
    /// Number of warm-up updates in a run of `total` updates.
    #[must_use]
    pub fn warmup_steps(&self, total: usize) -> usize {
        self.warmup.steps(total)
    }
}

impl TrainArgs {
    /// Checks how keys go together, and reports values that no key can have.
    ///
    /// # Errors
    /// All problems at once.
    pub fn validate(self) -> Result<TrainConfig, ArgsError> {
        self.validated(false)
    }

    /// As [`TrainArgs::validate`], for a program that gives the trainer an [`Evaluator`](crate::Evaluator):
    /// evaluation then needs no held-out rows.
    ///
    /// # Errors
    /// All problems at once.
    pub fn validate_with_evaluator(self) -> Result<TrainConfig, ArgsError> {
        self.validated(true)
    }

    fn validated(mut self, has_evaluator: bool) -> Result<TrainConfig, ArgsError> {
        let origin = self.origin.clone();
        let notices = std::mem::take(&mut self.notices);
        let mut check = Checker { problems: self.invalid.clone(), notices, has_evaluator };
        match check.config(self) {
            Some(config) if check.problems.is_empty() => Ok(TrainConfig { notices: check.notices, ..config }),
            _ => Err(ArgsError::Invalid { origin, problems: check.problems }),
        }
    }
}
