//! Metrics of a program's own, such as how well the policy's answers follow instructions.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt;

use iopo_model::CausalLm;

use super::Observer;

/// Why a program's evaluator failed.
pub type EvaluatorError = Box<dyn Error + Send + Sync>;

/// The reference at the start of a run.
#[derive(Debug, Clone, Copy)]
pub enum StartReference<'a> {
    /// The policy as it starts.
    Policy,
    /// Another model.
    Model(&'a CausalLm),
    /// Another model, known by its log-probs alone.
    LogProbs,
}

/// Measures the policy with metrics of a program's own.
///
/// A run can be resumed exactly only if the metrics depend on nothing but the policy and the step.
pub trait Evaluator: Send {
    /// The key of the configuration that asks for this evaluator, such as `eval_prompts`.
    fn key(&self) -> Option<&'static str> {
        None
    }

    /// The rules behind a metric, such as prompts and decoding; `metric` is without `eval_`.
    ///
    /// A run that chooses its best model by this metric can be resumed only under the same rules. `None` stands for a
    /// metric that this evaluator does not have, or one without rules.
    fn rules(&self, _metric: &str) -> Option<String> {
        None
    }

    /// Called once a run is known to be sound, before its first update and before it writes results.
    ///
    /// `policy` is the model that training starts from, also in a resumed run, without autodiff.
    ///
    /// # Errors
    /// Any failure to start; the run then does not start.
    fn on_start(
        &mut self,
        _policy: &CausalLm,
        _reference: StartReference<'_>,
        _observer: &mut dyn Observer,
    ) -> Result<(), EvaluatorError> {
        Ok(())
    }

    /// Metrics by name; in the log and in `metric_for_best_model` they have `eval_` before it.
    ///
    /// `policy` is the model after `step` updates, without autodiff.
    ///
    /// # Errors
    /// Any failure to measure; training then stops.
    fn evaluate(
        &mut self,
        policy: &CausalLm,
        step: usize,
        observer: &mut dyn Observer,
    ) -> Result<BTreeMap<String, f64>, EvaluatorError>;
}

/// The evaluators that a [`Trainer`](super::Trainer) holds; they need not be printable.
#[derive(Default)]
pub(super) struct Evaluators(pub(super) Vec<Box<dyn Evaluator>>);

impl fmt::Debug for Evaluators {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} evaluators", self.0.len())
    }
}
