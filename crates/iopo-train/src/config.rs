//! What a run does, validated.

use std::path::PathBuf;

use burn::tensor::FloatDType;
use iopo_data::{LengthPolicy, Template};
use iopo_loss::{
    DpoLossConfig, DpoLossType, IopoLossConfig, IopoVariant, LossConfigError, OrpoLossConfig, PreferenceLink,
    SftLoss, SimpoLossConfig,
};
use iopo_model::{LoraConfig, LoraTargets, Precision};

use crate::args::{ArgsError, Notice, Problem, TrainArgs};
use crate::objective::Objective;
use crate::optimizer::AdamWConfig;
use crate::schedule::LrScheduleKind;

/// Which parameters are trained.
#[derive(Debug, Clone, PartialEq)]
pub enum FineTuning {
    /// All of them.
    Full,
    /// Low-rank adapters on a frozen model.
    Lora(LoraConfig),
}

/// When checkpoints are written.
#[derive(Debug, Clone, PartialEq)]
pub struct SaveConfig {
    /// Every so many updates; `None` for the end only.
    pub every: Option<usize>,
    /// How many to keep; `None` for all.
    pub keep: Option<usize>,
}

/// When the held-out rows are evaluated, besides the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EvalStrategy {
    /// Never.
    No,
    /// Every so many updates.
    Steps(usize),
    /// After every epoch.
    Epoch,
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

/// A run, ready to go.
#[derive(Debug, Clone)]
pub struct TrainConfig {
    /// Lines for the user: what was accepted and means something else here.
    pub notices: Vec<Notice>,
    /// Hugging Face folder.
    pub model: PathBuf,
    /// PEFT folder to start from.
    pub adapter: Option<PathBuf>,
    /// Whether that adapter is merged and a new one put on top.
    pub new_adapter: bool,
    /// Which parameters are trained.
    pub fine_tuning: FineTuning,
    /// Float types.
    pub precision: Precision,
    /// The loss.
    pub objective: Objective,
    /// Names in `dataset_info.json`, or paths.
    pub datasets: Vec<String>,
    /// The same, for evaluation.
    pub eval_datasets: Vec<String>,
    /// Where `dataset_info.json` lies.
    pub dataset_dir: PathBuf,
    /// How prompts are rendered.
    pub template: Template,
    /// Longest sequence in tokens.
    pub cutoff_len: usize,
    /// What happens to longer ones.
    pub length_policy: LengthPolicy,
    /// How many rows of each dataset are used, from the start.
    pub max_samples: Option<usize>,
    /// Held-out rows: a share below 1, else a number.
    pub val_size: f64,
    /// Where results go.
    pub output_dir: PathBuf,
    /// Whether results in it may be replaced.
    pub overwrite_output_dir: bool,
    /// Checkpoint to go on from; an empty path for the latest in `output_dir`.
    pub resume: Option<PathBuf>,
    /// Every so many updates, a line is logged.
    pub logging_steps: usize,
    /// When checkpoints are written.
    pub save: SaveConfig,
    /// Whether curves are drawn at the end.
    pub plot_loss: bool,
    /// Examples that go through the model together.
    pub batch_size: usize,
    /// Micro-batches in an update.
    pub accumulation: usize,
    /// Whether an update may take micro-batches of two epochs, as the paper's trainer does.
    pub accumulate_across_epochs: bool,
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
    /// Seed of the shuffling, the split and new adapters.
    pub seed: u64,
    /// When held-out rows are evaluated.
    pub eval: EvalStrategy,
    /// Examples that are evaluated together.
    pub eval_batch_size: usize,
}

impl TrainConfig {
    /// Number of warm-up updates in a run of `total` updates.
    #[must_use]
    pub fn warmup_steps(&self, total: usize) -> usize {
        self.warmup.steps(total)
    }
}

impl TrainArgs {
    /// Checks ranges, names and combinations.
    ///
    /// # Errors
    /// All problems at once.
    pub fn validate(self) -> Result<TrainConfig, ArgsError> {
        let origin = self.origin.clone();
        let mut check = Checker { problems: Vec::new(), notices: self.notices.clone() };
        let config = check.config(self);
        match config {
            Some(mut config) if check.problems.is_empty() => {
                config.notices = check.notices;
                Ok(config)
            }
            _ => Err(ArgsError::Invalid { origin, problems: check.problems }),
        }
    }
}

struct Checker {
    problems: Vec<Problem>,
    notices: Vec<Notice>,
}

impl Checker {
    fn config(&mut self, args: TrainArgs) -> Option<TrainConfig> {
        if !args.do_train {
            self.conflict("do_train: false leaves nothing to do; evaluation has a program of its own");
        }
        let fine_tuning = self.fine_tuning(&args);
        let objective = self.objective(&args);
        let precision = self.precision(&args);
        let adapter = args.adapter_name_or_path.clone().map(PathBuf::from);
        if fine_tuning == Some(FineTuning::Full) && adapter.is_some() && !args.create_new_adapter {
            self.notice("adapter_name_or_path", "the adapter is merged into the weights before full tuning");
        }
        let template = self.template(args.template.as_deref());
        let schedule = self.named("lr_scheduler_type", &args.lr_scheduler_type, &LrScheduleKind::NAMES);
        let length_policy = self.named("length_policy", &args.length_policy, &LENGTH_POLICIES);
        let save = self.save(&args);
        let eval = self.eval(&args);
        if args.eval_dataset.is_empty() && args.val_size == 0.0 && eval != Some(EvalStrategy::No) {
            self.conflict("eval_strategy needs held-out rows: set val_size or eval_dataset");
        }
        if !args.eval_dataset.is_empty() && args.val_size > 0.0 {
            self.conflict("val_size and eval_dataset exclude each other");
        }
        if args.dataset.is_empty() {
            self.problems.push(Problem::Missing { key: "dataset" });
        }
        if args.warmup_steps > 0 && args.warmup_ratio > 0.0 {
            self.notice("warmup_ratio", "warmup_steps is given and wins");
        }
        let warmup = match self.at_least("warmup_steps", args.warmup_steps, 0)? {
            0 => Warmup::Ratio(self.within("warmup_ratio", args.warmup_ratio, 0.0, 1.0, "between 0 and 1")),
            steps => Warmup::Steps(steps),
        };
        let optimizer = AdamWConfig {
            beta1: self.within("adam_beta1", args.adam_beta1, 0.0, 0.999_999_9, "in [0, 1)"),
            beta2: self.within("adam_beta2", args.adam_beta2, 0.0, 0.999_999_999, "in [0, 1)"),
            epsilon: self.positive("adam_epsilon", args.adam_epsilon),
            weight_decay: self.non_negative("weight_decay", args.weight_decay),
        };
        let max_steps = match args.max_steps {
            -1 => None,
            steps => self.at_least("max_steps", steps, 1),
        };
        let resume = match args.resume_from_checkpoint.as_deref() {
            None | Some("false") => None,
            Some("true") => Some(PathBuf::new()),
            Some(path) => Some(PathBuf::from(path)),
        };
        let (model, output_dir) = (
            self.path("model_name_or_path", args.model_name_or_path),
            self.path("output_dir", args.output_dir),
        );
        let max_samples = match args.max_samples {
            None => None,
            Some(samples) => self.at_least("max_samples", samples, 1),
        };
        Some(TrainConfig {
            notices: Vec::new(),
            model: model?,
            adapter,
            new_adapter: args.create_new_adapter,
            fine_tuning: fine_tuning?,
            precision: precision?,
            objective: objective?,
            datasets: args.dataset,
            eval_datasets: args.eval_dataset,
            dataset_dir: PathBuf::from(args.dataset_dir),
            template: template?,
            cutoff_len: self.at_least("cutoff_len", args.cutoff_len, 2)?,
            length_policy: length_policy?,
            max_samples,
            val_size: self.non_negative("val_size", args.val_size),
            output_dir: output_dir?,
            overwrite_output_dir: args.overwrite_output_dir,
            resume,
            logging_steps: self.at_least("logging_steps", args.logging_steps, 1)?,
            save: save?,
            plot_loss: args.plot_loss,
            batch_size: self.at_least("per_device_train_batch_size", args.per_device_train_batch_size, 1)?,
            accumulation: self.at_least(
                "gradient_accumulation_steps",
                args.gradient_accumulation_steps,
                1,
            )?,
            accumulate_across_epochs: args.accumulate_across_epochs,
            epochs: self.positive("num_train_epochs", args.num_train_epochs),
            max_steps,
            learning_rate: self.positive("learning_rate", args.learning_rate),
            schedule: schedule?,
            warmup,
            optimizer,
            max_grad_norm: self.non_negative("max_grad_norm", args.max_grad_norm),
            seed: self.at_least("seed", args.seed, 0)? as u64,
            eval: eval?,
            eval_batch_size: self.at_least(
                "per_device_eval_batch_size",
                args.per_device_eval_batch_size,
                1,
            )?,
        })
    }

    fn fine_tuning(&mut self, args: &TrainArgs) -> Option<FineTuning> {
        match args.finetuning_type.as_str() {
            "full" => Some(FineTuning::Full),
            "lora" => {
                let rank = self.at_least("lora_rank", args.lora_rank, 1)?;
                let targets = match args.lora_target.as_slice() {
                    [all] if all == "all" => LoraTargets::All,
                    names => LoraTargets::Named(names.to_vec()),
                };
                if let Err(error) = targets.names() {
                    self.conflict(&error.to_string());
                }
                let alpha = args.lora_alpha.unwrap_or(2.0 * rank as f64);
                Some(FineTuning::Lora(LoraConfig { rank, alpha, rank_stabilised: args.use_rslora, targets }))
            }
            other => self.unknown_name("finetuning_type", other, "full, lora"),
        }
    }

    fn precision(&mut self, args: &TrainArgs) -> Option<Precision> {
        if args.fp16 {
            self.conflict(
                "fp16: true is not supported, since half-precision gradients need loss scaling; use bf16",
            );
            return None;
        }
        let bf16 = Precision { weights: FloatDType::BF16, ..Precision::default() };
        if args.pure_bf16 {
            return Some(Precision { adapter: FloatDType::BF16, ..bf16 });
        }
        if args.bf16 && args.finetuning_type == "full" {
            self.notice("bf16", "weights that are trained stay f32; pure_bf16: true makes them bf16");
            return Some(Precision::default());
        }
        Some(if args.bf16 { bf16 } else { Precision::default() })
    }

    fn objective(&mut self, args: &TrainArgs) -> Option<Objective> {
        // LLaMA-Factory reaches SimPO and ORPO through the DPO stage's pref_loss.
        let stage = match (args.stage.as_str(), args.pref_loss.as_str()) {
            ("dpo", loss @ ("simpo" | "orpo")) => loss,
            (stage, _) => stage,
        };
        if stage != "simpo" && args.simpo_gamma.is_some() {
            self.notice("simpo_gamma", "only the simpo stage has a target margin");
        }
        let built = match stage {
            "sft" => Ok(Objective::Sft(SftLoss)),
            "dpo" => self.dpo(args)?.init().map(Objective::Dpo),
            "simpo" => SimpoLossConfig {
                beta: args.pref_beta,
                gamma: args.simpo_gamma.unwrap_or(SimpoLossConfig::default().gamma),
                ..SimpoLossConfig::default()
            }
            .init()
            .map(Objective::Simpo),
            "orpo" => OrpoLossConfig { beta: args.pref_beta, ..OrpoLossConfig::default() }
                .init()
                .map(Objective::Orpo),
            "iopo" => self.iopo(args)?.init().map(Objective::Iopo),
            other => return self.unknown_name("stage", other, "sft, dpo, simpo, orpo, iopo"),
        };
        self.or_conflict(built)
    }

    fn dpo(&mut self, args: &TrainArgs) -> Option<DpoLossConfig> {
        let loss_type = match args.pref_loss.parse::<DpoLossType>() {
            Ok(loss_type) => loss_type,
            Err(error) => {
                return self.unknown_name(
                    "pref_loss",
                    &args.pref_loss,
                    &format!("{}, simpo, orpo", error.known),
                );
            }
        };
        Some(DpoLossConfig {
            beta: args.pref_beta,
            loss_type,
            label_smoothing: args.dpo_label_smoothing,
            nll_weight: args.pref_ftx,
            reference_free: args.reference_free,
            ..DpoLossConfig::default()
        })
    }

    fn iopo(&mut self, args: &TrainArgs) -> Option<IopoLossConfig> {
        let link = match args.pref_loss.parse::<PreferenceLink>() {
            Ok(link) => link,
            Err(error) => return self.unknown_name("pref_loss", &args.pref_loss, &error.known),
        };
        Some(IopoLossConfig {
            beta: args.pref_beta,
            variant: self.named("iopo_variant", &args.iopo_variant, &IOPO_VARIANTS)?,
            link,
            label_smoothing: args.iopo_label_smoothing,
            nll_weight: args.pref_ftx,
            reference_free: args.reference_free,
        })
    }

    fn template(&mut self, name: Option<&str>) -> Option<Template> {
        match Template::from_name(name) {
            Ok(template) => Some(template),
            Err(error) => {
                self.conflict(&error.to_string());
                None
            }
        }
    }

    fn save(&mut self, args: &TrainArgs) -> Option<SaveConfig> {
        let every = match args.save_strategy.as_str() {
            "no" => None,
            "steps" => Some(self.at_least("save_steps", args.save_steps, 1)?),
            other => return self.unknown_name("save_strategy", other, "no, steps"),
        };
        let keep = match args.save_total_limit {
            None => None,
            Some(limit) => Some(self.at_least("save_total_limit", limit, 1)?),
        };
        Some(SaveConfig { every, keep })
    }

    fn eval(&mut self, args: &TrainArgs) -> Option<EvalStrategy> {
        match args.eval_strategy.as_str() {
            // YAML 1.1 reads a bare `no` as false.
            "no" | "false" => Some(EvalStrategy::No),
            "epoch" => Some(EvalStrategy::Epoch),
            "steps" => {
                let steps = args.eval_steps.unwrap_or(args.logging_steps);
                self.at_least("eval_steps", steps, 1).map(EvalStrategy::Steps)
            }
            other => self.unknown_name("eval_strategy", other, "no, steps, epoch"),
        }
    }

    fn path(&mut self, key: &'static str, value: Option<String>) -> Option<PathBuf> {
        if value.is_none() {
            self.problems.push(Problem::Missing { key });
        }
        value.map(PathBuf::from)
    }

    fn named<T: Copy>(&mut self, key: &'static str, value: &str, names: &[(&str, T)]) -> Option<T> {
        let found = names.iter().find(|(name, _)| *name == value).map(|(_, value)| *value);
        found.or_else(|| {
            let known = names.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
            self.unknown_name(key, value, &known)
        })
    }

    fn unknown_name<T>(&mut self, key: &'static str, value: &str, known: &str) -> Option<T> {
        self.problems.push(Problem::UnknownName { key, value: value.to_owned(), known: known.to_owned() });
        None
    }

    fn at_least(&mut self, key: &'static str, value: i64, least: i64) -> Option<usize> {
        if value < least {
            let range = match least {
                0 => "0 or more",
                1 => "1 or more",
                _ => "2 or more",
            };
            self.problems.push(Problem::OutOfRange { key, value: value.to_string(), range });
            return None;
        }
        usize::try_from(value).ok()
    }

    fn within(&mut self, key: &'static str, value: f64, low: f64, high: f64, range: &'static str) -> f64 {
        if !(low..=high).contains(&value) {
            self.problems.push(Problem::OutOfRange { key, value: value.to_string(), range });
        }
        value
    }

    fn positive(&mut self, key: &'static str, value: f64) -> f64 {
        self.within(key, value, f64::MIN_POSITIVE, f64::MAX, "a positive number")
    }

    fn non_negative(&mut self, key: &'static str, value: f64) -> f64 {
        self.within(key, value, 0.0, f64::MAX, "0 or more")
    }

    fn conflict(&mut self, reason: &str) {
        self.problems.push(Problem::Conflict { reason: reason.to_owned() });
    }

    fn or_conflict<T>(&mut self, result: Result<T, LossConfigError>) -> Option<T> {
        result.map_err(|error| self.conflict(&error.to_string())).ok()
    }

    fn notice(&mut self, key: &str, text: &str) {
        self.notices.push(Notice { key: key.to_owned(), text: text.to_owned() });
    }
}

const LENGTH_POLICIES: [(&str, LengthPolicy); 4] = [
    ("error", LengthPolicy::Error),
    ("drop", LengthPolicy::Drop),
    ("truncate-response", LengthPolicy::TruncateResponse),
    ("reference", LengthPolicy::Reference),
];

const IOPO_VARIANTS: [(&str, IopoVariant); 4] = [
    ("full", IopoVariant::Full),
    ("simplified", IopoVariant::Simplified),
    ("input-only", IopoVariant::InputPreference),
    ("output-only", IopoVariant::OutputPreference),
];
