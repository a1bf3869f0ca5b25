//! One update: micro-batches → gradients → clip → optimizer.

use std::collections::BTreeSet;

use burn::tensor::Tensor;
use iopo_model::{CausalLm, Parameters};

use crate::batch::{MicroBatch, sequence_log_probs};
use crate::error::TrainError;
use crate::gradients::GradientSum;
use crate::metrics::Metrics;
use crate::objective::Objective;
use crate::optimizer::{AdamW, decays_by_default};
use crate::reference::ReferencePolicy;

/// What changes from update to update.
#[derive(Debug, Clone)]
pub struct TrainState {
    /// The model being trained, on an autodiff device.
    pub policy: CausalLm,
    /// Its optimizer.
    pub optimizer: AdamW,
    /// Names that weight decay applies to; `None` for all but norms and biases.
    pub decayed: Option<BTreeSet<String>>,
}

impl TrainState {
    /// Refuses weights that overflowed, in a step whose loss was still a number: they must not be
    /// written over good ones.
    pub(crate) fn check_finite(&self, step: usize) -> Result<(), TrainError> {
        for parameter in self.policy.trainable_parameters() {
            // Zero times a number is 0, zero times anything else is not a number.
            finite(step, "updated weight", scalar((parameter.values * 0.0).sum())?)?;
        }
        Ok(())
    }

    fn decays(&self) -> impl Fn(&str) -> bool + use<> {
        let names = self.decayed.clone();
        move |name: &str| names.as_ref().map_or_else(|| decays_by_default(name), |names| names.contains(name))
    }
}

/// A micro-batch and its share in the update's loss.
#[derive(Debug, Clone)]
pub struct WeightedBatch {
    /// The sequences.
    pub batch: MicroBatch,
    /// Share of the mean loss; the shares of an update sum to 1.
    pub weight: f64,
}

/// What one micro-batch gave.
#[derive(Debug, Clone)]
pub struct MicroStep {
    /// Mean loss over its examples.
    pub loss: f64,
    /// Means of the statistics.
    pub metrics: Metrics,
    /// Gradients of the weighted loss.
    pub gradients: Vec<iopo_model::NamedTensor>,
}

/// What one update gave.
#[derive(Debug, Clone)]
pub struct StepOutcome {
    /// Weighted mean of the micro-batches' losses.
    pub loss: f64,
    /// The micro-batches' own mean losses.
    pub micro_losses: Vec<f64>,
    /// Length of the gradient before clipping.
    pub gradient_norm: f64,
    /// Means over all examples of the update.
    pub metrics: Metrics,
    /// Tokens that went through the model with a tape.
    pub tokens: usize,
}

/// Loss and gradients of one micro-batch, scaled by its weight.
///
/// # Errors
/// A batch that does not fit objective or model.
pub fn micro_step(
    policy: &CausalLm,
    reference: Option<&ReferencePolicy>,
    objective: &Objective,
    weighted: &WeightedBatch,
) -> Result<MicroStep, TrainError> {
    let log_probs = sequence_log_probs(policy, &weighted.batch)?;
    let reference = match reference.filter(|_| objective.needs_reference()) {
        Some(reference) => Some(reference.log_probs(&weighted.batch)?),
        None => None,
    };
    let loss = objective.loss(log_probs, reference)?;
    let examples = (weighted.batch.num_sequences() / objective.sequences_per_example()) as f64;
    let mean = loss.per_example.mean();
    let mut gradients = (mean.clone() * weighted.weight).backward();
    let mut metrics = Metrics::default();
    let value = scalar(mean)?;
    metrics.add("loss", value, examples);
    for (name, values) in loss.stats {
        metrics.add(name, scalar(values.mean())?, examples);
    }
    Ok(MicroStep { loss: value, metrics, gradients: policy.take_gradients(&mut gradients) })
}

/// Makes one update.
///
/// The gradient is that of the weighted mean loss over all micro-batches, so it does not depend
/// on how examples are split among them when weights are their shares of the examples.
///
/// # Errors
/// A batch that does not fit, or a loss or gradient that is not finite; the state is then unchanged.
pub fn train_step(
    state: &mut TrainState,
    reference: Option<&ReferencePolicy>,
    objective: &Objective,
    batches: &[WeightedBatch],
    learning_rate: f64,
    max_grad_norm: f64,
) -> Result<StepOutcome, TrainError> {
    if batches.is_empty() {
        return Err(TrainError::BrokenBatch { sequences: 0, per_example: objective.sequences_per_example() });
    }
    let step = usize::try_from(state.optimizer.steps()).unwrap_or_default() + 1;
    let mut sum = GradientSum::default();
    let mut outcome = StepOutcome {
        loss: 0.0,
        micro_losses: Vec::new(),
        gradient_norm: 0.0,
        metrics: Metrics::default(),
        tokens: 0,
    };
    for weighted in batches {
        let micro = micro_step(&state.policy, reference, objective, weighted)?;
        finite(step, "loss", micro.loss)?;
        outcome.loss += weighted.weight * micro.loss;
        outcome.micro_losses.push(micro.loss);
        outcome.metrics.merge(&micro.metrics);
        outcome.tokens += weighted.batch.num_tokens();
        sum.add(micro.gradients);
    }
    outcome.gradient_norm = sum.norm()?;
    finite(step, "gradient norm", outcome.gradient_norm)?;
    if max_grad_norm > 0.0 {
        sum = sum.clip(outcome.gradient_norm, max_grad_norm);
    }
    let decays = state.decays();
    state.policy = state.optimizer.step(state.policy.clone(), &sum, learning_rate, decays);
    Ok(outcome)
}

fn finite(step: usize, what: &'static str, value: f64) -> Result<(), TrainError> {
    if value.is_finite() { Ok(()) } else { Err(TrainError::NotFinite { step, what, value }) }
}

pub(crate) fn scalar(value: Tensor<1>) -> Result<f64, TrainError> {
    value
        .try_into_scalar::<f64>()
        .map_err(|error| TrainError::Device { what: "a mean", reason: error.to_string() })
}
