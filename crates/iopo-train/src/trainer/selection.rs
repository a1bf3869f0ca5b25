//! Which model was the best so far, and what follows from it.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Evaluation;
use crate::args::Notice;
use crate::config::SelectionConfig;
use crate::error::TrainError;
use crate::output::{CHECKPOINT, STATE, is_same_folder, remove_checkpoint};

impl SelectionConfig {
    /// The metric's value in an evaluation.
    pub(super) fn value(&self, evaluation: &Evaluation) -> Result<f64, TrainError> {
        evaluation.get(&self.metric).ok_or_else(|| {
            let known: Vec<String> = evaluation.iter().map(|(name, _)| format!("eval_{name}")).collect();
            let reason =
                format!("eval_{} is not measured; an evaluation gives {}", self.metric, known.join(", "));
            TrainError::invalid("metric_for_best_model", reason)
        })
    }

    /// Whether a value beats the best one so far; NaN and infinities beat nothing.
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
    /// A superseded best checkpoint that may still be on disk.
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

    /// The choice as a resumed run goes on with it, if its run chose by the same metric; `dir` is the checkpoint.
    pub(super) fn resumed(
        &self,
        choice: &SelectionConfig,
        dir: &Path,
        output_dir: &Path,
    ) -> Result<Self, TrainError> {
        let here = format!("eval_{}", choice.metric);
        match &self.metric_for_best_model {
            None => return Ok(Self::default()),
            Some(name) if *name != here => {
                let reason = format!("its run chose the best model by {name}, this one does by {here}");
                return Err(TrainError::at(dir, reason));
            }
            Some(_) => {}
        }
        let mut selection = self.clone();
        if let (Some(step), true) = (selection.best_global_step, choice.load_best) {
            let beside = dir.parent().map(|folder| folder.join(format!("{CHECKPOINT}{step}")));
            let best = [beside, selection.best_model_checkpoint.take()]
                .into_iter()
                .flatten()
                .find(|best| best.join(STATE).is_file())
                .ok_or_else(|| {
                    let reason = format!(
                        "the best model so far is that after update {step}, and its checkpoint is not there; \
                         load_best_model_at_end: false goes on without it"
                    );
                    TrainError::at(dir, reason)
                })?;
            // By the name that this run gives it, under which rotation spares it.
            let own = output_dir.join(format!("{CHECKPOINT}{step}"));
            selection.best_model_checkpoint = Some(if is_same_folder(&best, &own) { own } else { best });
        }
        Ok(selection)
    }

    /// Removes what [`Self::see`] has superseded, once its successor is on disk.
    ///
    /// Returns a notice where it stays.
    pub(super) fn remove_superseded(&mut self, output_dir: &Path) -> Result<Option<Notice>, TrainError> {
        match self.superseded.take() {
            // One that lies elsewhere is another folder's, from which this run was resumed.
            Some(dir) if dir.parent() == Some(output_dir) => remove_checkpoint(&dir),
            _ => Ok(None),
        }
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
