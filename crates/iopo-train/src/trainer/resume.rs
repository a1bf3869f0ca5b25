//! Which checkpoint a run continues from, and whether it is one of this run.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::path::Path;

use burn::module::Module;
use fnv::FnvHasher;
use iopo_data::EncodedExample;
use iopo_files::{MANIFEST, verify_folder};
use serde_json::Value;

use super::preflight::ResumePoint;
use super::{Observer, Selection, Trainer};
use crate::args::Notice;
use crate::batch::{MicroBatch, sequence_log_probs};
use crate::checkpoint::Checkpoint;
use crate::config::LOSS;
use crate::data::TEMPLATE_DATE;
use crate::error::TrainError;
use crate::output::resumed_checkpoint;
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
    /// The checkpoint that the configuration asks for, if it belongs to this run and its files are those that were
    /// written.
    pub(super) fn resume_point(
        &self,
        observer: &mut dyn Observer,
    ) -> Result<Option<ResumePoint>, TrainError> {
        let Some(dir) = resumed_checkpoint(&self.config)? else { return Ok(None) };
        let checkpoint = Checkpoint::open(&dir)?;
        self.check_same_run(&checkpoint, &dir)?;
        self.check_position(&checkpoint, &dir)?;
        if !verify_folder(&dir)? {
            let text =
                format!("{} has no {MANIFEST}: damage to its files would not be noticed", dir.display());
            observer.on_notice(&Notice { key: "resume_from_checkpoint".to_owned(), text });
        }
        let selection = match &self.config.selection {
            Some(choice) => checkpoint.selection.resumed(choice, &dir, &self.config.output_dir)?,
            None => Selection::default(),
        };
        Ok(Some(ResumePoint { dir, checkpoint, selection }))
    }

    fn check_same_run(&self, checkpoint: &Checkpoint, dir: &Path) -> Result<(), TrainError> {
        let refuse = |reason: String| Err(TrainError::at(dir, reason));
        let differing = differences(&checkpoint.run, &self.settings());
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

    /// Everything that decides which updates follow: the configuration's identity, and what follows from data and
    /// several keys.
    pub(super) fn settings(&self) -> BTreeMap<String, Value> {
        let mut settings = self.config.identity();
        let examples = self.data.train.as_slice();
        let mut insert = |key: &str, value: Value| settings.insert(key.to_owned(), value);
        insert("examples", format!("{}, hash {:016x}", examples.len(), stable_hash(examples)).into());
        if let Some(time) = self.data.template_date {
            insert(TEMPLATE_DATE, time.to_string().into());
        }
        insert("updates in all", self.schedule.total_steps.into());
        insert("warm-up updates", self.schedule.warmup_steps.into());
        // Values over other rows or prompts could not be compared with those that chose the best model so far.
        if let Some(choice) = &self.config.selection {
            let rules = self.evaluators.0.iter().find_map(|evaluator| {
                Some((evaluator.key().unwrap_or("evaluator"), evaluator.rules(&choice.metric)?))
            });
            let (name, rules) = rules.unwrap_or_else(|| {
                let held_out = self.data.held_out.as_slice();
                ("held-out examples", format!("{}, hash {:016x}", held_out.len(), stable_hash(held_out)))
            });
            insert(name, rules.into());
        }
        settings
    }
}

/// The keys whose values differ, with both values. A key that only the other run has does not matter, but for those of
/// the loss: as a whole it is named where none of its keys is.
fn differences(there: &BTreeMap<String, Value>, here: &BTreeMap<String, Value>) -> Vec<String> {
    let written = |value: Option<&Value>| match value {
        None => "not recorded".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    };
    let difference = |key: &str| {
        let (there, here) = (there.get(key), here.get(key));
        (there != here).then(|| format!("{key}: {} there, {} here", written(there), written(here)))
    };
    let differing: Vec<_> =
        here.keys().filter(|key| *key != LOSS).filter_map(|key| difference(key)).collect();
    if differing.is_empty() { difference(LOSS).into_iter().collect() } else { differing }
}

/// A hash (FNV-1a) that may stand in a file; the standard library's may change from release to release.
pub fn stable_hash<T: Hash + ?Sized>(value: &T) -> u64 {
    let mut hasher = FnvHasher::default();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn run(loss: Value, more: &[(&str, Value)]) -> BTreeMap<String, Value> {
        let keys = more.iter().map(|(key, value)| ((*key).to_owned(), value.clone()));
        keys.chain([(LOSS.to_owned(), loss)]).collect()
    }

    #[test]
    fn a_loss_with_fewer_keys_is_another_loss() {
        let there =
            run(json!({ "clip": 2, "stage": "mine" }), &[("stage", json!("mine")), ("clip", json!(2))]);
        let here = run(json!({ "stage": "mine" }), &[("stage", json!("mine"))]);
        let differing = differences(&there, &here);
        assert_eq!(differing, [r#"loss: {"clip":2,"stage":"mine"} there, {"stage":"mine"} here"#]);
        assert!(differences(&here, &here).is_empty());
    }

    #[test]
    fn a_key_that_differs_is_named_and_not_the_whole_loss() {
        let there = run(json!({ "pref_beta": 0.1 }), &[("pref_beta", json!(0.1))]);
        let here = run(json!({ "pref_beta": 0.2 }), &[("pref_beta", json!(0.2))]);
        assert_eq!(differences(&there, &here), ["pref_beta: 0.1 there, 0.2 here"]);
    }
}
