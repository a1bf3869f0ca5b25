//! Evaluation while training: held-out rows, and what a program measures itself.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;

use burn::module::Module;
use iopo_data::EncodedExample;
use iopo_model::CausalLm;

use super::{Counters, Evaluation, Observer, Trainer};
use crate::batch::{MicroBatch, token_log_probs};
use crate::config::IntervalStrategy;
use crate::error::TrainError;
use crate::log::{LogEntry, TrainLog};
use crate::log_probs::BatchLogProbs;
use crate::metrics::Metrics;

/// Measures the policy with metrics of a program's own, such as how well its answers follow instructions.
///
/// A run can be resumed exactly only if the metrics depend on nothing but the policy and the step.
pub trait Evaluator: Send {
    /// Metrics by name; in the log and in `metric_for_best_model` they have `eval_` before it.
    ///
    /// `policy` is the model after `step` updates, without autodiff.
    ///
    /// # Errors
    /// Whatever keeps them from being measured; training stops then.
    fn evaluate(
        &mut self,
        policy: &CausalLm,
        step: usize,
    ) -> Result<BTreeMap<String, f64>, Box<dyn Error + Send + Sync>>;
}

/// An evaluator that [`Trainer`] holds; it need not be printable.
pub(super) struct ProgramEvaluator(Box<dyn Evaluator>);

impl fmt::Debug for ProgramEvaluator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProgramEvaluator")
    }
}

impl Trainer {
    /// Adds the evaluator's metrics to every evaluation; held-out rows are not needed then.
    #[must_use]
    pub fn with_evaluator(mut self, evaluator: impl Evaluator + 'static) -> Self {
        self.evaluator = Some(ProgramEvaluator(Box::new(evaluator)));
        self
    }

    /// Means of loss and statistics over examples, without a tape.
    ///
    /// # Errors
    /// Examples that do not fit the objective; or, once the reference is numbers (see
    /// [`ReferencePolicy::precompute`](crate::ReferencePolicy::precompute)), examples that are not in the
    /// run's data.
    pub fn evaluate(&self, examples: &[EncodedExample]) -> Result<Evaluation, TrainError> {
        let policy = self.state.policy.valid();
        let mut metrics = Metrics::default();
        for chunk in examples.chunks(self.config.eval_batch_size) {
            let sequences: Vec<_> = chunk.iter().flat_map(EncodedExample::sequences).collect();
            let batch = MicroBatch::new(&sequences)?;
            let reference = match self.reference.as_ref() {
                Some(reference) => Some(reference.log_probs(&batch)?),
                None => None,
            };
            let objective = &self.config.objective;
            let log_probs =
                BatchLogProbs::new(objective.task(), token_log_probs(&policy, &batch)?, reference)?;
            metrics.merge(&objective.loss(&log_probs)?.metrics(chunk.len())?);
        }
        Ok(metrics)
    }

    /// Refuses a run whose evaluations would measure nothing.
    pub(super) fn check_evaluations(&self) -> Result<(), TrainError> {
        let nothing = self.data.held_out.is_empty() && self.prompts.is_none() && self.evaluator.is_none();
        // Without a choice to make, rows that were all too long are no reason to stop.
        match nothing && self.config.selection.is_some() {
            true => Err(TrainError::NothingToEvaluate),
            false => Ok(()),
        }
    }

    /// The evaluation before the first update; it chooses nothing, for there is no checkpoint of it.
    pub(super) fn evaluate_on_start(
        &mut self,
        counters: &Counters,
        log: &mut TrainLog,
        observer: &mut dyn Observer,
    ) -> Result<Option<Evaluation>, TrainError> {
        let wanted = self.config.eval_on_start && self.config.eval != IntervalStrategy::No;
        if !wanted || counters.step > 0 {
            return Ok(None);
        }
        let evaluation = self.measure(counters, log, observer)?;
        if let (Some(choice), Some(evaluation)) = (&self.config.selection, &evaluation) {
            choice.value(evaluation)?;
        }
        Ok(evaluation)
    }

    pub(super) fn evaluate_if_due(
        &mut self,
        counters: &mut Counters,
        log: &mut TrainLog,
        observer: &mut dyn Observer,
    ) -> Result<Option<Evaluation>, TrainError> {
        let strategy = self.config.eval;
        let last = strategy != IntervalStrategy::No && counters.step == self.total_steps();
        if !last && !strategy.is_due(counters.step, counters.epoch_ended) {
            return Ok(None);
        }
        let evaluation = self.measure(counters, log, observer)?;
        if let (Some(choice), Some(evaluation)) = (&self.config.selection, &evaluation) {
            let value = choice.value(evaluation)?;
            counters.selection.see(choice, counters.step, value, &self.config.output_dir);
        }
        Ok(evaluation)
    }

    fn measure(
        &mut self,
        counters: &Counters,
        log: &mut TrainLog,
        observer: &mut dyn Observer,
    ) -> Result<Option<Evaluation>, TrainError> {
        let mut evaluation = self.evaluate(&self.data.held_out)?;
        self.measure_answers(counters, &mut evaluation, observer)?;
        if let Some(ProgramEvaluator(evaluator)) = &mut self.evaluator {
            let step = counters.step;
            let metrics = evaluator
                .evaluate(&self.state.policy.valid(), step)
                .map_err(|source| TrainError::Evaluator { step, source })?;
            for (name, value) in metrics {
                if evaluation.get(&name).is_some() {
                    return Err(TrainError::MetricTwice { name });
                }
                evaluation.add(&name, value, 1.0);
            }
        }
        if evaluation.is_empty() {
            return Ok(None);
        }
        let entry =
            LogEntry::new(counters.step, self.total_steps(), self.epoch(counters), "eval_", &evaluation);
        observer.on_log(&entry);
        log.push(entry)?;
        Ok(Some(evaluation))
    }
}
