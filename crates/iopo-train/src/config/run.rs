//! Everything of a configuration but its loss and its evaluations.

use std::path::PathBuf;

use burn::tensor::FloatDType;
use iopo_model::{LoraConfig, LoraTargets, Precision};

use super::checker::Checker;
use super::{DataConfig, FineTuning, IntervalStrategy, SaveConfig, TrainConfig, Warmup};
use crate::args::{BadRows, Interval, Problem, Resume, TrainArgs, Tuning};
use crate::optimizer::AdamWConfig;
use crate::schedule::LrScheduleKind;

impl Checker {
    /// The configuration, valid only if no problem was found; a problem does not end the checks.
    pub(super) fn config(&mut self, args: TrainArgs) -> Option<TrainConfig> {
        if !args.do_train {
            self.conflict("do_train: false leaves nothing to do; evaluation has a program of its own");
        }
        let objective = self.objective(&args);
        let reference = self.reference(&args, objective.as_deref());
        let eval = self.eval(&args);
        Some(TrainConfig {
            notices: Vec::new(),
            from_scratch: self.check_from_scratch(&args),
            fine_tuning: self.fine_tuning(&args),
            precision: self.precision(&args),
            model: self.needed("model_name_or_path", args.model_name_or_path.as_ref()),
            output_dir: self.needed("output_dir", args.output_dir.as_ref()),
            adapter: args.adapter_name_or_path.as_ref().map(PathBuf::from),
            new_adapter: args.create_new_adapter,
            reference,
            data: self.data(&args, eval),
            overwrite_output_dir: args.overwrite_output_dir,
            resume: self.resume(&args),
            logging_steps: args.logging_steps,
            save: self.save(&args),
            plot_loss: args.plot_loss,
            batch_size: args.per_device_train_batch_size,
            tokens_per_batch: args.tokens_per_batch,
            accumulation: args.gradient_accumulation_steps,
            accumulate_across_epochs: args.accumulate_across_epochs,
            gradient_checkpointing: self.gradient_checkpointing(&args),
            group_passes: args.group_passes,
            epochs: args.num_train_epochs,
            max_steps: self.max_steps(&args),
            learning_rate: args.learning_rate,
            schedule: args.lr_scheduler_type,
            warmup: self.warmup(&args),
            optimizer: AdamWConfig {
                beta1: args.adam_beta1,
                beta2: args.adam_beta2,
                epsilon: args.adam_epsilon,
                weight_decay: args.weight_decay,
            },
            max_grad_norm: args.max_grad_norm,
            seed: args.seed,
            eval,
            eval_batch_size: args.per_device_eval_batch_size,
            eval_on_start: args.eval_on_start,
            eval_prompts: self.eval_prompts(&args, eval),
            selection: self.selection(&args, eval),
            // Last, so that every other check has been made.
            objective: objective?,
        })
    }

    fn fine_tuning(&mut self, args: &TrainArgs) -> FineTuning {
        const SHAPE: [&str; 4] = ["lora_rank", "lora_alpha", "lora_target", "use_rslora"];
        let targets = match args.lora_target.as_slice() {
            [all] if all == "all" => LoraTargets::All,
            names => LoraTargets::Named(names.to_vec()),
        };
        if let Err(error) = targets.names() {
            self.conflict(&error.to_string());
        }
        let has_adapter = args.adapter_name_or_path.is_some();
        if args.finetuning_type == Tuning::Full {
            let keys = [&SHAPE[..], &["create_new_adapter"]].concat();
            self.no_effect(args, &keys, "finetuning_type is full");
            if has_adapter {
                let text = "the adapter is merged into the weights before full fine-tuning";
                self.notice("adapter_name_or_path", text);
            }
            return FineTuning::Full;
        }
        if !has_adapter {
            let reason = "without adapter_name_or_path the adapter is new anyway";
            self.no_effect(args, &["create_new_adapter"], reason);
        } else if !args.create_new_adapter {
            let reason = "the adapter in adapter_name_or_path keeps its own shape; \
                          create_new_adapter: true merges it and adds a new one";
            self.no_effect(args, &SHAPE, reason);
        }
        let alpha = args.lora_alpha.unwrap_or(2.0 * args.lora_rank as f64);
        FineTuning::Lora(LoraConfig {
            rank: args.lora_rank,
            alpha,
            rank_stabilised: args.use_rslora,
            targets,
        })
    }

    /// An adapter belongs to weights that exist already.
    fn check_from_scratch(&mut self, args: &TrainArgs) -> bool {
        if args.train_from_scratch && args.finetuning_type == Tuning::Lora {
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

    fn precision(&mut self, args: &TrainArgs) -> Precision {
        if args.fp16 {
            self.conflict(
                "fp16: true is not supported, since half-precision gradients need loss scaling; use bf16",
            );
        }
        let bf16 = Precision { weights: FloatDType::BF16, ..Precision::default() };
        if args.pure_bf16 {
            return Precision { adapter: FloatDType::BF16, ..bf16 };
        }
        if args.bf16 && args.finetuning_type == Tuning::Full {
            self.notice("bf16", "weights that are trained stay f32; pure_bf16: true makes them bf16");
            return Precision::default();
        }
        if args.bf16 { bf16 } else { Precision::default() }
    }

    fn data(&mut self, args: &TrainArgs, eval: IntervalStrategy) -> DataConfig {
        if args.dataset.is_empty() {
            self.problems.push(Problem::Missing { key: "dataset" });
        }
        self.held_out(args, eval);
        DataConfig {
            train: args.dataset.clone(),
            eval: args.eval_dataset.clone(),
            dir: PathBuf::from(&args.dataset_dir),
            template: args.template,
            template_date: args.template_date,
            cutoff_len: args.cutoff_len,
            length_policy: args.length_policy,
            unknown_labels: args.unknown_labels,
            skip_bad_rows: args.bad_rows == BadRows::Skip,
            max_samples: args.max_samples,
            val_size: args.val_size,
        }
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
            (None, off) => off == Some(false),
        }
    }

    fn save(&mut self, args: &TrainArgs) -> SaveConfig {
        let keep = args.save_total_limit;
        match args.save_strategy {
            Interval::No => {
                self.no_effect(args, &["save_steps", "save_total_limit"], "save_strategy is no");
                SaveConfig { strategy: IntervalStrategy::No, keep: None }
            }
            Interval::Epoch => {
                self.no_effect(args, &["save_steps"], "save_strategy is epoch");
                SaveConfig { strategy: IntervalStrategy::Epoch, keep }
            }
            Interval::Steps => SaveConfig { strategy: IntervalStrategy::Steps(args.save_steps), keep },
        }
    }

    fn max_steps(&mut self, args: &TrainArgs) -> Option<usize> {
        let max_steps = usize::try_from(args.max_steps).ok()?;
        self.no_effect(args, &["num_train_epochs"], "max_steps is given");
        Some(max_steps)
    }

    fn warmup(&mut self, args: &TrainArgs) -> Warmup {
        if args.lr_scheduler_type == LrScheduleKind::Constant {
            let reason = "lr_scheduler_type constant has no warm-up; constant_with_warmup has";
            self.no_effect(args, &["warmup_ratio", "warmup_steps"], reason);
        } else if args.warmup_steps > 0 {
            self.no_effect(args, &["warmup_ratio"], "warmup_steps is given");
        }
        match args.warmup_steps {
            0 => Warmup::Ratio(args.warmup_ratio),
            steps => Warmup::Steps(steps),
        }
    }

    fn resume(&mut self, args: &TrainArgs) -> Option<PathBuf> {
        let path = match &args.resume_from_checkpoint {
            Resume::No => return None,
            Resume::Latest => {
                self.no_effect(args, &["overwrite_output_dir"], "the latest checkpoint is resumed from");
                PathBuf::new()
            }
            Resume::From(path) => PathBuf::from(path),
        };
        Some(path)
    }
}
