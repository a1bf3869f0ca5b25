//! Which checkpoint a run continues from, and whether it is one of this run.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::path::Path;

use burn::module::Module;
use iopo_data::EncodedExample;

use super::preflight::ResumePoint;
use super::{Selection, Trainer};
use crate::batch::{MicroBatch, sequence_log_probs};
use crate::checkpoint::Checkpoint;
use crate::error::TrainError;
use crate::output::latest_checkpoint;
use crate::plan::StepPlanner;
use crate::reference::summation_order;
use crate::step::scalar;

/// Log-probs of the first example's completions before the first update.
#[derive(Clone, Copy)]
pub(super) struct StartLogProbs {
    /// Under the policy.
    pub(super) policy: f64,
    /// Under the reference, where there is one.
    pub(super) reference: Option<f64>,
}

impl Trainer {
    /// The checkpoint that the configuration asks for, if it belongs to this run.
    pub(super) fn resume_point(&self) -> Result<Option<ResumePoint>, TrainError> {
        let dir = match &self.config.resume {
            None => return Ok(None),
            Some(dir) if dir.as_os_str().is_empty() => latest_checkpoint(&self.config.output_dir)?,
            Some(dir) => Some(dir.clone()),
        };
        let dir = dir.ok_or_else(|| {
            TrainError::at(&self.config.output_dir, "there is no checkpoint to resume from")
        })?;
        let checkpoint = Checkpoint::open(&dir)?;
        self.check_same_run(&checkpoint, &dir)?;
        self.check_position(&checkpoint, &dir)?;
        let selection = match &self.config.selection {
            Some(choice) => checkpoint.selection.resumed(choice, &dir, &self.config.output_dir)?,
            None => Selection::default(),
        };
        Ok(Some(ResumePoint { dir, checkpoint, selection }))
    }

    fn check_same_run(&self, checkpoint: &Checkpoint, dir: &Path) -> Result<(), TrainError> {
        let refuse = |reason: String| Err(TrainError::at(dir, reason));
        let ours = self.settings();
        let differing: Vec<String> = ours
            .iter()
            .map(|(key, here)| (key, here, checkpoint.run.get(key).map_or("not recorded", String::as_str)))
            .filter(|(_, here, there)| here != there)
            .map(|(key, here, there)| format!("{key}: {there} there, {here} here"))
            .collect();
        if !differing.is_empty() {
            return refuse(format!("it belongs to a run with other settings; {}", differing.join("; ")));
        }
        let start = self.start_log_probs()?;
        if !self.agree(Some(start.policy), Some(checkpoint.start_log_prob)) {
            return refuse(format!(
                "it belongs to a run from another model or adapter: the first example's log-prob at the start was {}, \
                 here it is {}; model_name_or_path and adapter_name_or_path must be those of that run",
                checkpoint.start_log_prob, start.policy
            ));
        }
        if !self.agree(start.reference, checkpoint.reference_log_prob) {
            let written =
                |value: Option<f64>| value.map_or("not recorded".to_owned(), |value| value.to_string());
            return refuse(format!(
                "it belongs to a run with another reference: the first example's log-prob under it was {}, here it is {}; \
                 ref_model and ref_model_adapters must be those of that run",
                written(checkpoint.reference_log_prob),
                written(start.reference)
            ));
        }
        Ok(())
    }

    /// Whether two log-probs are those of one model; another machine may sum in another order, and on
    /// the same one the difference is 0.
    fn agree(&self, here: Option<f64>, there: Option<f64>) -> bool {
        match (here, there) {
            // Written so that NaN fails.
            (Some(here), Some(there)) => {
                (here - there).abs() <= summation_order(self.config.precision.weights) * (1.0 + here.abs())
            }
            (None, None) => true,
            _ => false,
        }
    }

    /// Training must go on where the plan of updates stands, or examples would be repeated or skipped.
    fn check_position(&self, checkpoint: &Checkpoint, dir: &Path) -> Result<(), TrainError> {
        let Checkpoint { global_step, examples_seen, .. } = *checkpoint;
        let refuse = |reason: String| Err(TrainError::at(dir, reason));
        let total = self.total_steps();
        if global_step > total {
            return refuse(format!(
                "global_step {global_step} is beyond the {total} updates of the run (max_steps)"
            ));
        }
        let last = global_step.checked_sub(1).and_then(|index| self.planner.steps().nth(index));
        let planned = last.map_or(0, |plan| plan.examples_seen);
        if examples_seen != planned {
            return refuse(format!(
                "examples_seen is {examples_seen}, but after global_step {global_step} it is {planned}"
            ));
        }
        Ok(())
    }

    /// Of the policy that training starts from, and of its reference.
    pub(super) fn start_log_probs(&self) -> Result<StartLogProbs, TrainError> {
        let first: Vec<_> = self.data.train.iter().take(1).flat_map(EncodedExample::sequences).collect();
        let batch = MicroBatch::new(&first)?;
        let policy = scalar(sequence_log_probs(&self.state.policy.valid(), &batch)?.sum.sum())?;
        let reference = match &self.reference {
            Some(reference) => Some(scalar(reference.log_probs(&batch)?.sum())?),
            None => None,
        };
        Ok(StartLogProbs { policy, reference })
    }

    /// Everything that decides which updates follow, by the key that sets it.
    pub(super) fn settings(&self) -> BTreeMap<String, String> {
        // How an update is split changes no update, so it may differ in a resumed run.
        let StepPlanner { examples, batch_size, accumulation, across_epochs, seed, budget: _ } = self.planner;
        let config = &self.config;
        let mut settings: BTreeMap<String, String> = [
            ("stage and loss", format!("{:?}", config.objective)),
            ("finetuning_type", format!("{:?}", config.fine_tuning)),
            ("precision", format!("{:?}", config.precision)),
            ("examples", format!("{examples}, hash {:016x}", stable_hash(self.data.train.as_slice()))),
            ("per_device_train_batch_size", batch_size.to_string()),
            ("gradient_accumulation_steps", accumulation.to_string()),
            ("accumulate_across_epochs", across_epochs.to_string()),
            ("seed", seed.to_string()),
            ("updates in all", self.schedule.total_steps.to_string()),
            ("learning_rate", self.schedule.peak.to_string()),
            ("lr_scheduler_type", format!("{:?}", self.schedule.kind)),
            ("warm-up updates", self.schedule.warmup_steps.to_string()),
            ("optimizer", format!("{:?}", config.optimizer)),
            ("max_grad_norm", config.max_grad_norm.to_string()),
        ]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect();
        // Values over other rows or prompts could not be compared with those that chose the best model so far.
        if let Some(choice) = &config.selection {
            settings.insert("greater_is_better".to_owned(), choice.greater_is_better.to_string());
            let rules = self.evaluators.0.iter().find_map(|evaluator| {
                Some((evaluator.key().unwrap_or("evaluator"), evaluator.rules(&choice.metric)?))
            });
            let (name, rules) = rules.unwrap_or_else(|| {
                let held_out = self.data.held_out.as_slice();
                ("held-out examples", format!("{}, hash {:016x}", held_out.len(), stable_hash(held_out)))
            });
            settings.insert(name.to_owned(), rules);
        }
        settings
    }
}

/// A hash (FNV-1a) that may stand in a file; the standard library's may change from release to release.
pub fn stable_hash<T: Hash + ?Sized>(value: &T) -> u64 {
    struct Fnv(u64);
    impl Hasher for Fnv {
        fn finish(&self) -> u64 {
            self.0
        }
        fn write(&mut self, bytes: &[u8]) {
            for byte in bytes {
                self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            }
        }
    }
    let mut hasher = Fnv(0xcbf2_9ce4_8422_2325);
    value.hash(&mut hasher);
    hasher.finish()
}
