//! One update: micro-batches → gradients → clip → optimizer.

use std::collections::BTreeSet;

use burn::tensor::{Tensor, TensorData};
use iopo_model::{BackwardOptions, CausalLm, Checkpointing, NamedTensor, Parameters};

use crate::batch::MicroBatch;
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

/// How often a group goes through the model for its gradient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupPasses {
    /// Once: all its sequences together, shared text computed once.
    One,
    /// Twice: together without a tape, for the log-probs that couple them, then each sequence
    /// alone with its coefficient, at the activation memory of a single sequence.
    Two,
}

/// How gradients are computed; every choice gives the same ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Engine {
    /// What the model's backward pass keeps and computes anew.
    pub backward: BackwardOptions,
    /// How often a group goes through the model.
    pub passes: GroupPasses,
}

impl Engine {
    /// The fastest choice where memory is plentiful: one pass, all activations kept.
    #[must_use]
    pub fn new(vocab_size: usize) -> Self {
        Self { backward: BackwardOptions::new(vocab_size), passes: GroupPasses::One }
    }
}

/// What one micro-batch gave.
#[derive(Debug, Clone)]
pub struct MicroStep {
    /// Mean loss over its examples.
    pub loss: f64,
    /// Means of the statistics.
    pub metrics: Metrics,
    /// Gradients of the weighted loss.
    pub gradients: GradientSum,
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
/// The loss is a function of one number per sequence, its log-prob; so its gradient is the
/// gradients of those log-probs, each times the loss's derivative with respect to it:
///
/// ```text
/// dL/dθ = Σ_s c_s ∇ log π(y_s|x_s),    c_s = ∂L / ∂ log π(y_s|x_s)
/// ```
///
/// # Errors
/// A batch that does not fit objective or model.
pub fn micro_step(
    policy: &CausalLm,
    reference: Option<&ReferencePolicy>,
    objective: &Objective,
    weighted: &WeightedBatch,
    engine: &Engine,
) -> Result<MicroStep, TrainError> {
    let batch = &weighted.batch;
    let reference = match reference.filter(|_| objective.needs_reference()) {
        Some(reference) => Some(reference.log_probs(batch)?),
        None => None,
    };
    let mut gradients = GradientSum::default();
    let mut add = |gradient: NamedTensor| gradients.add(gradient);
    let coupling = match engine.passes {
        GroupPasses::One => {
            let weigh = |tokens: Tensor<1>| {
                let coupling = couple(objective, weighted, &tokens, reference)?;
                let weights = batch.weights_by_prediction(&coupling.coefficients);
                Ok::<_, TrainError>((like(&tokens, weights), coupling))
            };
            policy.differentiate(batch.layout(), batch.predictions(), engine.backward, weigh, &mut add)?
        }
        GroupPasses::Two => {
            let head_chunk = engine.backward.head_chunk;
            let tokens = policy.token_log_prob_values(batch.layout(), batch.predictions(), head_chunk)?;
            let coupling = couple(objective, weighted, &tokens, reference)?;
            // Whoever asks for two passes is short of memory, not of time.
            let lean = BackwardOptions {
                checkpointing: engine.backward.checkpointing.max(Checkpointing::Selective),
                ..engine.backward
            };
            for (index, &coefficient) in coupling.coefficients.iter().enumerate() {
                let alone = batch.sequence(index)?;
                let (layout, predictions) = (alone.layout(), alone.predictions());
                let weigh = |tokens: Tensor<1>| Ok::<_, TrainError>((tokens.full_like(coefficient), ()));
                policy.differentiate(layout, predictions, lean, weigh, &mut add)?;
            }
            coupling
        }
    };
    Ok(MicroStep { loss: coupling.loss, metrics: coupling.metrics, gradients })
}

/// What the loss says of a batch, and how it changes with each sequence's log-prob.
struct Coupling {
    loss: f64,
    metrics: Metrics,
    coefficients: Vec<f64>,
}

/// Loss, statistics and the loss's derivative with respect to each sequence's log-prob.
fn couple(
    objective: &Objective,
    weighted: &WeightedBatch,
    tokens: &Tensor<1>,
    reference: Option<Tensor<1>>,
) -> Result<Coupling, TrainError> {
    let sums = weighted.batch.sum_by_sequence(tokens).autodiff().require_grad();
    let loss = objective.loss(weighted.batch.log_probs(sums.clone())?, reference)?;
    let examples = (weighted.batch.num_sequences() / objective.sequences_per_example()) as f64;
    let mean = loss.per_example.mean();
    let mut gradients = (mean.clone() * weighted.weight).backward();
    let coefficients =
        sums.grad_remove(&mut gradients).unwrap_or_else(|| sums.without_autodiff().zeros_like());
    let mut metrics = Metrics::default();
    let value = scalar(mean)?;
    metrics.add("loss", value, examples);
    for (name, values) in loss.stats {
        metrics.add(name, scalar(values.mean())?, examples);
    }
    let coefficients = coefficients
        .try_into_vec_as::<f64>()
        .map_err(|error| TrainError::Device { what: "the loss's derivatives", reason: error.to_string() })?;
    Ok(Coupling { loss: value, metrics, coefficients })
}

fn like(tensor: &Tensor<1>, values: Vec<f64>) -> Tensor<1> {
    let length = values.len();
    Tensor::from_data(TensorData::new(values, [length]), (&tensor.device(), tensor.dtype()))
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
    engine: &Engine,
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
        let micro = micro_step(&state.policy, reference, objective, weighted, engine)?;
        finite(step, "loss", micro.loss)?;
        outcome.loss += weighted.weight * micro.loss;
        outcome.micro_losses.push(micro.loss);
        outcome.metrics.merge(&micro.metrics);
        outcome.tokens += weighted.batch.num_tokens();
        sum.merge(micro.gradients);
    }
    sum.complete(&state.policy);
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
