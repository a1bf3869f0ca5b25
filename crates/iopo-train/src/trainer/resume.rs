//! Going on from a checkpoint, as if the run had never stopped.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};

use fnv::FnvHasher;
use iopo_data::EncodedExample;

use super::{Counters, Observer, Selection, StartLogProbs, Trainer};
use crate::batch::{MicroBatch, sequence_log_probs};
use crate::checkpoint::Checkpoint;
use crate::error::TrainError;
use crate::log::LogEntry;
use crate::metrics::Metrics;
use crate::output::latest_checkpoint;
use crate::plan::StepPlanner;
use crate::reference::summation_order;
use crate::step::scalar;
use crate::verified::is_share;

impl Trainer {
    /// Where to begin, and what was logged before.
    pub(super) fn resume(
        &mut self,
        observer: &mut dyn Observer,
    ) -> Result<(Counters, Vec<LogEntry>), TrainError> {
        let Some((dir, checkpoint)) = self.checkpoint_to_resume()? else {
            let fresh = Counters {
                step: 0,
                examples_seen: 0,
                tokens_seen: 0,
                epoch_ended: false,
                start: self.start_log_probs()?,
                pending: Metrics::default(),
                selection: Selection::default(),
            };
            return Ok((fresh, Vec::new()));
        };
        let selection = self.resumed_selection(&dir, &checkpoint)?;
        self.state = checkpoint.restore(&dir, self.state.clone(), &self.config)?;
        observer.on_resume(checkpoint.global_step, &dir);
        let counters = Counters {
            step: checkpoint.global_step,
            examples_seen: checkpoint.examples_seen,
            tokens_seen: checkpoint.num_input_tokens_seen,
            epoch_ended: false,
            start: StartLogProbs {
                policy: checkpoint.start_log_prob,
                reference: checkpoint.reference_log_prob,
            },
            pending: checkpoint.pending,
            selection,
        };
        Ok((counters, checkpoint.log_history))
    }

    /// The checkpoint that the configuration asks for, if it belongs to this run.
    pub(super) fn checkpoint_to_resume(&self) -> Result<Option<(PathBuf, Checkpoint)>, TrainError> {
        let dir = match &self.config.resume {
            None => return Ok(None),
            Some(dir) if dir.as_os_str().is_empty() => latest_checkpoint(&self.config.output_dir)?,
            Some(dir) => Some(dir.clone()),
        };
        let dir = dir.ok_or_else(|| TrainError::Checkpoint {
            dir: self.config.output_dir.clone(),
            reason: "there is no checkpoint to resume from".to_owned(),
        })?;
        let checkpoint = Checkpoint::open(&dir)?;
        self.check_same_run(&checkpoint, self.start_log_probs()?, &dir)?;
        self.check_position(&checkpoint, &dir)?;
        Ok(Some((dir, checkpoint)))
    }

    fn check_same_run(
        &self,
        checkpoint: &Checkpoint,
        start: StartLogProbs,
        dir: &Path,
    ) -> Result<(), TrainError> {
        let refuse = |reason: String| Err(TrainError::Checkpoint { dir: dir.to_owned(), reason });
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
        let refuse = |reason: String| Err(TrainError::Checkpoint { dir: dir.to_owned(), reason });
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
    fn start_log_probs(&self) -> Result<StartLogProbs, TrainError> {
        use burn::module::Module;
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
        // How an update is split decides nothing of it: less memory is no reason to begin again.
        let StepPlanner { examples, batch_size, accumulation, across_epochs, seed, budget: _ } = self.planner;
        let config = &self.config;
        let mut settings: BTreeMap<String, String> = [
            ("stage and loss", config.objective.identity().to_string()),
            ("finetuning_type", format!("{:?}", config.fine_tuning)),
            ("precision", format!("{:?}", config.precision)),
            ("examples", format!("{examples}, hash {:016x}", hash(self.data.train.as_slice()))),
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
            let measured = match &self.prompts {
                Some(evaluation) if is_share(&choice.metric) => {
                    ("eval_prompts", evaluation.prompts().describe(|asked| hash(asked)))
                }
                _ => {
                    let held_out = self.data.held_out.as_slice();
                    ("held-out examples", format!("{}, hash {:016x}", held_out.len(), hash(held_out)))
                }
            };
            settings.insert(measured.0.to_owned(), measured.1);
        }
        settings
    }
}

/// FNV-1a; the standard library's hash may change from release to release.
fn hash<T: Hash + ?Sized>(value: &T) -> u64 {
    let mut hasher = FnvHasher::default();
    value.hash(&mut hasher);
    hasher.finish()
}
