//! Everything of a configuration but its loss.

use std::path::PathBuf;

use burn::tensor::FloatDType;
use iopo_data::{LengthPolicy, Template, UnknownLabels};
use iopo_model::{LoraConfig, LoraTargets, Precision};

use super::checker::{Checker, no_effect};
use super::{FineTuning, IntervalStrategy, SaveConfig, TrainConfig, Warmup};
use crate::args::{Problem, TrainArgs};
use crate::optimizer::AdamWConfig;
use crate::schedule::LrScheduleKind;
use crate::step::GroupPasses;

impl Checker {
    /// Everything is checked before anything is given up, so that all problems are found.
    pub(super) fn config(&mut self, args: TrainArgs) -> Option<TrainConfig> {
        if !args.do_train {
            self.conflict("do_train: false leaves nothing to do; evaluation has a program of its own");
        }
        let objective = self.objective(&args);
        let reference = self.reference(&args, objective.as_ref());
        let fine_tuning = self.fine_tuning(&args);
        let precision = self.precision(&args);
        let model = self.path("model_name_or_path", args.model_name_or_path.as_ref());
        let output_dir = self.path("output_dir", args.output_dir.as_ref());
        if args.dataset.is_empty() {
            self.problems.push(Problem::Missing { key: "dataset" });
        }
        let template = self.template(args.template.as_deref());
        let cutoff_len = self.at_least("cutoff_len", args.cutoff_len, 2);
        let length_policy = self.named("length_policy", &args.length_policy, &LENGTH_POLICIES);
        let unknown_labels = self.named("unknown_labels", &args.unknown_labels, &UNKNOWN_LABELS);
        let max_samples = args.max_samples.map(|samples| self.at_least("max_samples", samples, 1));
        let val_size = self.val_size(args.val_size);
        let save = self.save(&args);
        let eval = self.eval(&args);
        self.held_out(&args, eval);
        let eval_prompts = self.eval_prompts(&args, eval);
        let selection = self.selection(&args, eval);
        let from_scratch = self.scratch(&args);
        let logging_steps = self.at_least("logging_steps", args.logging_steps, 1);
        let batch_size = self.at_least("per_device_train_batch_size", args.per_device_train_batch_size, 1);
        let tokens_per_batch =
            args.tokens_per_batch.map(|tokens| self.at_least("tokens_per_batch", tokens, 1));
        let eval_batch_size = self.at_least("per_device_eval_batch_size", args.per_device_eval_batch_size, 1);
        let accumulation = self.at_least("gradient_accumulation_steps", args.gradient_accumulation_steps, 1);
        let gradient_checkpointing = self.gradient_checkpointing(&args);
        let group_passes = self.named("group_passes", &args.group_passes, &GROUP_PASSES);
        let epochs = self.positive("num_train_epochs", args.num_train_epochs);
        let max_steps = self.max_steps(&args);
        let learning_rate = self.positive("learning_rate", args.learning_rate);
        let schedule = self.named("lr_scheduler_type", &args.lr_scheduler_type, &LrScheduleKind::NAMES);
        let warmup = self.warmup(&args, schedule);
        let optimizer = self.optimizer(&args);
        let max_grad_norm = self.non_negative("max_grad_norm", args.max_grad_norm);
        let seed = self.at_least("seed", args.seed, 0);
        let resume = self.resume(&args);
        Some(TrainConfig {
            notices: Vec::new(),
            model: model?,
            from_scratch,
            adapter: args.adapter_name_or_path.map(PathBuf::from),
            new_adapter: args.create_new_adapter,
            fine_tuning: fine_tuning?,
            precision: precision?,
            objective: objective?,
            reference,
            datasets: args.dataset,
            eval_datasets: args.eval_dataset,
            dataset_dir: PathBuf::from(args.dataset_dir),
            template: template?,
            cutoff_len: cutoff_len?,
            length_policy: length_policy?,
            unknown_labels: unknown_labels?,
            max_samples: max_samples.flatten(),
            val_size,
            output_dir: output_dir?,
            overwrite_output_dir: args.overwrite_output_dir,
            resume,
            logging_steps: logging_steps?,
            save: save?,
            plot_loss: args.plot_loss,
            batch_size: batch_size?,
            tokens_per_batch: tokens_per_batch.flatten(),
            accumulation: accumulation?,
            accumulate_across_epochs: args.accumulate_across_epochs,
            gradient_checkpointing,
            group_passes: group_passes?,
            epochs,
            max_steps,
            learning_rate,
            schedule: schedule?,
            warmup: warmup?,
            optimizer,
            max_grad_norm,
            seed: seed? as u64,
            eval: eval?,
            eval_batch_size: eval_batch_size?,
            eval_on_start: args.eval_on_start,
            eval_prompts,
            selection,
        })
    }

    fn fine_tuning(&mut self, args: &TrainArgs) -> Option<FineTuning> {
        let rank = self.at_least("lora_rank", args.lora_rank, 1);
        let alpha = args.lora_alpha.map(|alpha| self.positive("lora_alpha", alpha));
        let targets = match args.lora_target.as_slice() {
            [all] if all == "all" => LoraTargets::All,
            names => LoraTargets::Named(names.to_vec()),
        };
        if let Err(error) = targets.names() {
            self.conflict(&error.to_string());
        }
        match args.finetuning_type.as_str() {
            "full" => {
                let reason = "finetuning_type is full";
                no_effect!(
                    self,
                    args,
                    reason,
                    [lora_rank, lora_alpha, lora_target, use_rslora, create_new_adapter]
                );
                if args.adapter_name_or_path.is_some() {
                    self.notice(
                        "adapter_name_or_path",
                        "the adapter is merged into the weights before full fine-tuning",
                    );
                }
                Some(FineTuning::Full)
            }
            "lora" => {
                self.unused_lora_keys(args);
                let rank = rank?;
                let alpha = alpha.unwrap_or(2.0 * rank as f64);
                Some(FineTuning::Lora(LoraConfig { rank, alpha, rank_stabilised: args.use_rslora, targets }))
            }
            other => self.unknown_name("finetuning_type", other, "full, lora"),
        }
    }

    /// New weights leave nothing for an adapter to stand on.
    fn scratch(&mut self, args: &TrainArgs) -> bool {
        if args.train_from_scratch && args.finetuning_type == "lora" {
            self.conflict("train_from_scratch needs finetuning_type: full, since an adapter trains none of the new weights");
        }
        if args.train_from_scratch && args.adapter_name_or_path.is_some() {
            self.conflict("train_from_scratch and adapter_name_or_path exclude each other: the adapter belongs to other weights");
        }
        if args.train_from_scratch && args.ref_model.is_none() && args.ref_model_adapters.is_some() {
            self.conflict("with train_from_scratch, ref_model_adapters needs a ref_model that it belongs to");
        }
        args.train_from_scratch
    }

    fn unused_lora_keys(&mut self, args: &TrainArgs) {
        if args.adapter_name_or_path.is_none() {
            let reason = "without adapter_name_or_path the adapter is new anyway";
            no_effect!(self, args, reason, [create_new_adapter]);
        } else if !args.create_new_adapter {
            let reason = "the adapter in adapter_name_or_path keeps its own shape; \
                          create_new_adapter: true merges it and adds a new one";
            no_effect!(self, args, reason, [lora_rank, lora_alpha, lora_target, use_rslora]);
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

    /// LLaMA-Factory writes the key in the negative, transformers in the positive.
    fn gradient_checkpointing(&mut self, args: &TrainArgs) -> bool {
        match (args.gradient_checkpointing, args.disable_gradient_checkpointing) {
            (Some(on), Some(off)) if on == off => {
                self.conflict(
                    "gradient_checkpointing and disable_gradient_checkpointing contradict each other",
                );
                false
            }
            (Some(on), _) => on,
            (None, Some(off)) => !off,
            (None, None) => false,
        }
    }

    fn template(&mut self, name: Option<&str>) -> Option<Template> {
        Template::from_name(name).map_err(|error| self.conflict(&error.to_string())).ok()
    }

    fn val_size(&mut self, value: f64) -> f64 {
        let fits = value.is_finite() && value >= 0.0 && (value < 1.0 || value.fract() == 0.0);
        self.number("val_size", value, fits, "a share below 1 or a whole number of rows")
    }

    fn save(&mut self, args: &TrainArgs) -> Option<SaveConfig> {
        let every = self.at_least("save_steps", args.save_steps, 1);
        let keep = args.save_total_limit.map(|limit| self.at_least("save_total_limit", limit, 1));
        match args.save_strategy.as_str() {
            // YAML 1.1 reads a bare `no` as false.
            "no" | "false" => {
                no_effect!(self, args, "save_strategy is no", [save_steps, save_total_limit]);
                Some(SaveConfig { strategy: IntervalStrategy::No, keep: None })
            }
            "epoch" => {
                no_effect!(self, args, "save_strategy is epoch", [save_steps]);
                Some(SaveConfig { strategy: IntervalStrategy::Epoch, keep: keep.flatten() })
            }
            "steps" => Some(SaveConfig { strategy: IntervalStrategy::Steps(every?), keep: keep.flatten() }),
            other => self.unknown_name("save_strategy", other, "no, steps, epoch"),
        }
    }

    fn max_steps(&mut self, args: &TrainArgs) -> Option<usize> {
        if args.max_steps == -1 {
            return None;
        }
        no_effect!(self, args, "max_steps is given", [num_train_epochs]);
        self.at_least("max_steps", args.max_steps, 1)
    }

    fn warmup(&mut self, args: &TrainArgs, schedule: Option<LrScheduleKind>) -> Option<Warmup> {
        let ratio = self.up_to("warmup_ratio", args.warmup_ratio, 1.0, "between 0 and 1");
        let steps = self.at_least("warmup_steps", args.warmup_steps, 0);
        if schedule == Some(LrScheduleKind::Constant) {
            let reason = "lr_scheduler_type constant has no warm-up; constant_with_warmup has";
            no_effect!(self, args, reason, [warmup_ratio, warmup_steps]);
        } else if args.warmup_steps > 0 {
            no_effect!(self, args, "warmup_steps is given", [warmup_ratio]);
        }
        Some(match steps? {
            0 => Warmup::Ratio(ratio),
            steps => Warmup::Steps(steps),
        })
    }

    fn optimizer(&mut self, args: &TrainArgs) -> AdamWConfig {
        AdamWConfig {
            beta1: self.below("adam_beta1", args.adam_beta1, 1.0, "in [0, 1)"),
            beta2: self.below("adam_beta2", args.adam_beta2, 1.0, "in [0, 1)"),
            epsilon: self.positive("adam_epsilon", args.adam_epsilon),
            weight_decay: self.non_negative("weight_decay", args.weight_decay),
        }
    }

    fn resume(&mut self, args: &TrainArgs) -> Option<PathBuf> {
        let path = match args.resume_from_checkpoint.as_deref()? {
            "false" => return None,
            "true" => PathBuf::new(),
            path => PathBuf::from(path),
        };
        no_effect!(self, args, "resume_from_checkpoint is given", [overwrite_output_dir]);
        Some(path)
    }
}

const GROUP_PASSES: [(&str, GroupPasses); 2] = [("one", GroupPasses::One), ("two", GroupPasses::Two)];

const UNKNOWN_LABELS: [(&str, UnknownLabels); 2] =
    [("error", UnknownLabels::Error), ("keep", UnknownLabels::Keep)];

const LENGTH_POLICIES: [(&str, LengthPolicy); 4] = [
    ("error", LengthPolicy::Error),
    ("drop", LengthPolicy::Drop),
    ("truncate-response", LengthPolicy::TruncateResponse),
    ("reference", LengthPolicy::Reference),
];
