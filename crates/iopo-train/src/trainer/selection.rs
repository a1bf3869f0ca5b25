//! Which model was the best so far, and what follows from it.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Counters, Evaluation, Observer, Trainer};
use crate::args::Notice;
use crate::checkpoint::{Checkpoint, load_weights};
use crate::config::SelectionConfig;
use crate::error::TrainError;
use crate::files::remove_folder;
use crate::output::{CHECKPOINT, STATE, is_same_folder};

impl SelectionConfig {
    /// The metric's value in an evaluation.
    pub(super) fn value(&self, evaluation: &Evaluation) -> Result<f64, TrainError> {
        evaluation.get(&self.metric).ok_or_else(|| TrainError::MissingMetric {
            metric: format!("eval_{}", self.metric),
            known: evaluation.iter().map(|(name, _)| format!("eval_{name}")).collect::<Vec<_>>().join(", "),
        })
    }

    /// Whether a value beats the best one so far; what is not a number beats nothing.
    fn is_better(&self, value: f64, best: Option<f64>) -> bool {
        let beats = |best: f64| if self.greater_is_better { value > best } else { value < best };
        value.is_finite() && best.is_none_or(beats)
    }
}

/// The best model so far. Names are transformers' where the meaning is the same.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Selection {
    /// The metric that chose it, with `eval_` before its name.
    #[serde(default)]
    pub metric_for_best_model: Option<String>,
    /// The metric's value.
    #[serde(default)]
    pub best_metric: Option<f64>,
    /// Updates after which it was evaluated.
    #[serde(default)]
    pub best_global_step: Option<usize>,
    /// Its checkpoint, where the final model is to be the best one.
    #[serde(default)]
    pub best_model_checkpoint: Option<PathBuf>,
    /// Whether `save_strategy` asked for that checkpoint too.
    #[serde(default)]
    pub best_is_scheduled: bool,
    /// Evaluations since then.
    #[serde(default)]
    pub evaluations_since_best: usize,
    /// A checkpoint that was kept for being the best, no longer is, and may still be there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    superseded: Option<PathBuf>,
}

impl Selection {
    /// Takes an evaluation into account.
    pub(super) fn see(&mut self, choice: &SelectionConfig, step: usize, value: f64, output_dir: &Path) {
        self.metric_for_best_model = Some(format!("eval_{}", choice.metric));
        if !choice.is_better(value, self.best_metric) {
            self.evaluations_since_best += 1;
            return;
        }
        let before = self.best_model_checkpoint.take();
        self.superseded = before.filter(|_| !self.best_is_scheduled);
        self.best_metric = Some(value);
        self.best_global_step = Some(step);
        self.best_is_scheduled = false;
        self.evaluations_since_best = 0;
        self.best_model_checkpoint = choice.load_best.then(|| output_dir.join(format!("{CHECKPOINT}{step}")));
    }

    /// Whether the model after this step has to be kept for being the best.
    pub(super) fn keeps(&self, step: usize) -> bool {
        self.best_global_step == Some(step) && self.best_model_checkpoint.is_some()
    }

    /// Whether too many evaluations brought nothing better.
    pub(super) fn is_exhausted(&self, choice: Option<&SelectionConfig>) -> bool {
        let patience = choice.and_then(|choice| choice.patience);
        patience.is_some_and(|patience| self.evaluations_since_best >= patience)
    }

    /// Removes what [`Self::see`] has put in the shade, once its successor is on disk.
    pub(super) fn remove_superseded(&mut self, output_dir: &Path) -> Result<(), TrainError> {
        match self.superseded.take() {
            // One that lies elsewhere is another folder's, from which this run was resumed.
            Some(dir) if dir.parent() == Some(output_dir) => remove_folder(&dir),
            _ => Ok(()),
        }
    }
}

impl Trainer {
    /// The choice of the run that a checkpoint is of, if it was made as this one is.
    pub(super) fn resumed_selection(
        &self,
        dir: &Path,
        checkpoint: &Checkpoint,
    ) -> Result<Selection, TrainError> {
        let refuse = |reason: String| Err(TrainError::Checkpoint { dir: dir.to_owned(), reason });
        let (Some(choice), there) = (&self.config.selection, &checkpoint.selection) else {
            return Ok(Selection::default());
        };
        let here = format!("eval_{}", choice.metric);
        match &there.metric_for_best_model {
            None => return Ok(Selection::default()),
            Some(name) if *name != here => {
                return refuse(format!("its run chose the best model by {name}, this one does by {here}"));
            }
            Some(_) => {}
        }
        let mut selection = there.clone();
        if let (Some(step), true) = (selection.best_global_step, choice.load_best) {
            let beside = dir.parent().map(|folder| folder.join(format!("{CHECKPOINT}{step}")));
            let found = [beside, selection.best_model_checkpoint.take()]
                .into_iter()
                .flatten()
                .find(|best| best.join(STATE).is_file());
            let Some(best) = found else {
                return refuse(format!(
                    "the best model so far is that after update {step}, and its checkpoint is not there; \
                     load_best_model_at_end: false goes on without it"
                ));
            };
            // By the name that this run gives it, under which rotation spares it.
            let own = self.config.output_dir.join(format!("{CHECKPOINT}{step}"));
            selection.best_model_checkpoint = Some(if is_same_folder(&best, &own) { own } else { best });
        }
        Ok(selection)
    }

    /// Puts the best model's weights in the place of the last one's, where they are to be the final ones.
    pub(super) fn take_best(
        &mut self,
        counters: &Counters,
        observer: &mut dyn Observer,
    ) -> Result<(), TrainError> {
        let Some(choice) = self.config.selection.as_ref().filter(|choice| choice.load_best) else {
            return Ok(());
        };
        let Selection { best_global_step, best_model_checkpoint, .. } = &counters.selection;
        let (Some(step), Some(dir)) = (best_global_step, best_model_checkpoint) else {
            let text =
                format!("eval_{} was never a number, so the final model is the last one", choice.metric);
            observer.on_notice(&Notice { key: "load_best_model_at_end".to_owned(), text });
            return Ok(());
        };
        if *step != counters.step {
            let device = self.state.policy.device().without_autodiff();
            self.state.policy = load_weights(dir, self.state.policy.clone(), self.config.precision, &device)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(greater_is_better: bool) -> SelectionConfig {
        SelectionConfig { metric: "if_m".to_owned(), greater_is_better, load_best: true, patience: Some(2) }
    }

    fn bests(greater_is_better: bool, values: &[f64]) -> Vec<Option<usize>> {
        let mut selection = Selection::default();
        let see = |(step, &value): (usize, &f64)| {
            selection.see(&choice(greater_is_better), step, value, Path::new("out"));
            selection.best_global_step
        };
        values.iter().enumerate().map(see).collect()
    }

    #[test]
    fn the_best_is_the_largest_or_the_smallest_and_a_tie_changes_nothing() {
        let values = [0.5, 0.7, 0.7, 0.2, 0.9];
        assert_eq!(bests(true, &values), [Some(0), Some(1), Some(1), Some(1), Some(4)]);
        assert_eq!(bests(false, &values), [Some(0), Some(0), Some(0), Some(3), Some(3)]);
    }

    #[test]
    fn what_is_not_a_number_is_never_the_best() {
        let values = [f64::NAN, f64::INFINITY, 0.5, f64::NAN, f64::NEG_INFINITY];
        for greater_is_better in [true, false] {
            assert_eq!(bests(greater_is_better, &values), [None, None, Some(2), Some(2), Some(2)]);
        }
    }

    #[test]
    fn patience_ends_after_as_many_evaluations_in_a_row_without_a_better_model() {
        let choice = choice(true);
        let mut selection = Selection::default();
        let exhausted: Vec<bool> = [0.1, 0.1, 0.2, f64::NAN, 0.15]
            .into_iter()
            .enumerate()
            .map(|(step, value)| {
                selection.see(&choice, step, value, Path::new("out"));
                selection.is_exhausted(Some(&choice))
            })
            .collect();
        assert_eq!(exhausted, [false, false, false, false, true]);
        assert!(!selection.is_exhausted(Some(&SelectionConfig { patience: None, ..choice })));
    }
}
