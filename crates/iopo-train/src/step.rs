//! One update: micro-batches → gradients → clip → optimizer.

use std::collections::BTreeSet;

use burn::tensor::Tensor;
use iopo_model::{BackwardOptions, CausalLm, Checkpointing, ParameterGradients, Parameters};

use crate::batch::MicroBatch;
use crate::error::TrainError;
use crate::metrics::Metrics;
use crate::objective::{Coupled, Objective};
use crate::optimizer::{AdamW, decays_by_default};
use crate::reference::ReferencePolicy;

/// The state that updates change.
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
    /// Refuses weights that overflowed in a step whose loss was still finite: they must not replace
    /// good ones.
    pub(crate) fn check_finite(&self, step: usize) -> Result<(), TrainError> {
        for parameter in self.policy.trainable_parameters() {
            // Zero times a finite number is 0; zero times infinity or NaN is NaN.
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
    /// Twice: together without a tape, for the loss weights of their tokens, then each sequence
    /// alone with its weights, at the activation memory of a single sequence.
    Two,
}

/// How gradients are computed; every choice gives the same ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Engine {
    /// What the model's backward pass keeps and recomputes.
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

/// The result of one micro-batch.
#[derive(Debug, Clone)]
pub struct MicroStep {
    /// Mean loss over its examples.
    pub loss: f64,
    /// Means of the statistics.
    pub metrics: Metrics,
    /// Gradients of the weighted loss.
    pub gradients: ParameterGradients,
}

/// The result of one update.
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
    objective: &dyn Objective,
    weighted: &WeightedBatch,
    engine: &Engine,
) -> Result<MicroStep, TrainError> {
    let reference = match reference.filter(|_| objective.needs_reference()) {
        Some(reference) => Some(reference.log_probs(&weighted.batch)?),
        None => None,
    };
    match engine.passes {
        GroupPasses::One => one_pass(policy, reference, objective, weighted, engine.backward),
        GroupPasses::Two => two_passes(policy, reference, objective, weighted, engine.backward),
    }
}

/// All sequences together.
fn one_pass(
    policy: &CausalLm,
    reference: Option<Tensor<1>>,
    objective: &dyn Objective,
    WeightedBatch { batch, weight }: &WeightedBatch,
    options: BackwardOptions,
) -> Result<MicroStep, TrainError> {
    let pass = policy.log_prob_pass(batch.layout(), batch.predictions(), options)?;
    let Coupled { loss, metrics, weights } =
        objective.couple(batch.by_token(pass.log_probs()), reference, *weight)?;
    let gradients = pass.backward(batch.by_prediction(weights))?;
    Ok(MicroStep { loss, metrics, gradients })
}

/// All sequences together without a tape, for their weights; then each alone with its own.
fn two_passes(
    policy: &CausalLm,
    reference: Option<Tensor<1>>,
    objective: &dyn Objective,
    WeightedBatch { batch, weight }: &WeightedBatch,
    options: BackwardOptions,
) -> Result<MicroStep, TrainError> {
    let log_probs = policy.token_log_prob_values(batch.layout(), batch.predictions(), options.head_chunk)?;
    let Coupled { loss, metrics, weights } =
        objective.couple(batch.by_token(&log_probs), reference, *weight)?;
    // Two passes save memory, not time.
    let checkpointing = options.checkpointing.max(Checkpointing::Selective);
    let options = BackwardOptions { checkpointing, ..options };
    let mut gradients = ParameterGradients::default();
    let weights = weights.split_with_sizes(batch.completion_tokens(), 0);
    for (index, weights) in weights.into_iter().enumerate() {
        let alone = batch.sequence(index)?;
        let pass = policy.log_prob_pass(alone.layout(), alone.predictions(), options)?;
        pass.backward_into(weights, &mut gradients)?;
    }
    Ok(MicroStep { loss, metrics, gradients })
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
    objective: &dyn Objective,
    batches: &[WeightedBatch],
    learning_rate: f64,
    max_grad_norm: f64,
    engine: &Engine,
) -> Result<StepOutcome, TrainError> {
    if batches.is_empty() {
        return Err(TrainError::BrokenBatch { sequences: 0, per_example: objective.sequences_per_example() });
    }
    let step = usize::try_from(state.optimizer.steps()).unwrap_or_default() + 1;
    let mut sum = ParameterGradients::default();
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
    outcome.gradient_norm =
        sum.norm().map_err(|error| TrainError::Device { what: "a gradient", reason: error.to_string() })?;
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
