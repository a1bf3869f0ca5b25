//! Before the first update, the policy must be its reference.

use burn::tensor::Tensor;
use iopo_model::CausalLm;

use crate::batch::{MicroBatch, sequence_log_probs};
use crate::error::TrainError;
use crate::objective::Objective;
use crate::reference::ReferencePolicy;
use crate::step::scalar;

/// Largest log-ratio, per unit of log-prob, that is put down to sums whose order varies.
///
/// Where the reference runs, it does the same operations on the same numbers, so on the CPU it is 0.
/// Numbers that it gave earlier come from other batches, and have the room that was measured for them.
const LOG_RATIO: f64 = 1e-5;

/// Largest difference of the loss from its value at equality.
const LOSS: f64 = 1e-3;

/// Refuses to start where log-ratios, margin and loss are not what equality gives: 0, 0 and, for a sigmoid link, ln 2.
///
/// # Errors
/// [`TrainError::BrokenStart`] names the first quantity that is off.
pub fn check_start(
    policy: &CausalLm,
    reference: &ReferencePolicy,
    objective: &Objective,
    batch: &MicroBatch,
) -> Result<(), TrainError> {
    // A likelihood term says nothing about the reference.
    let Some(objective) = objective.preference_only()? else {
        return Ok(());
    };
    let mut log_probs = sequence_log_probs(policy, batch)?;
    log_probs.sum = log_probs.sum.without_autodiff();
    let reference_sums = reference.log_probs(batch)?;
    let mut room = 0.0_f64;
    let pairs = values(&log_probs.sum)?.into_iter().zip(values(&reference_sums)?);
    for ((policy, reference_sum), tokens) in pairs.zip(batch.completion_tokens()) {
        let tolerance = match reference.rounding() {
            None => LOG_RATIO * (1.0 + reference_sum.abs()),
            Some(rounding) => {
                let tolerance = rounding.of(reference_sum, tokens);
                room = room.max(tolerance);
                tolerance
            }
        };
        check("the log-ratio of a sequence", policy - reference_sum, 0.0, tolerance)?;
    }
    // A margin is β times the difference of at most four log-ratios, the loss of a margin no steeper
    // than 1 plus itself: the slope of a square is twice its root.
    let room = LOSS + 4.0 * objective.beta() * room;
    let loss = objective.loss(log_probs, Some(reference_sums))?;
    for (name, margins) in loss.stats.iter().filter(|(name, _)| *name == "rewards/margins") {
        check(name, scalar(margins.clone().abs().max())?, 0.0, room)?;
    }
    let expected = objective.loss_at_reference(&loss.per_example.device())?;
    check("the loss", scalar(loss.per_example.mean())?, expected, room * (1.0 + expected.abs()))
}

fn values(sums: &Tensor<1>) -> Result<Vec<f64>, TrainError> {
    sums.clone()
        .try_into_vec_as::<f64>()
        .map_err(|error| TrainError::Device { what: "log-probs", reason: error.to_string() })
}

fn check(what: &'static str, found: f64, expected: f64, tolerance: f64) -> Result<(), TrainError> {
    // Written so that NaN fails.
    if (found - expected).abs() <= tolerance {
        return Ok(());
    }
    Err(TrainError::BrokenStart { what, found, expected })
}
