//! Before the first update, the policy must be its reference.

use iopo_model::CausalLm;

use crate::batch::{MicroBatch, sequence_log_probs};
use crate::error::TrainError;
use crate::objective::Objective;
use crate::reference::ReferencePolicy;
use crate::step::scalar;

/// Largest log-ratio, per unit of log-prob, that is put down to sums whose order varies.
///
/// Policy and reference run the same operations on the same numbers, so on the CPU it is 0.
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
    let reference = reference.log_probs(batch)?;
    let ratios = (log_probs.sum.clone() - reference.clone()) / (reference.clone().abs() + 1.0);
    check("the largest log-ratio per unit of log-prob", scalar(ratios.abs().max())?, 0.0, LOG_RATIO)?;
    let loss = objective.loss(log_probs, Some(reference))?;
    for (name, margins) in loss.stats.iter().filter(|(name, _)| *name == "rewards/margins") {
        check(name, scalar(margins.clone().abs().max())?, 0.0, LOSS)?;
    }
    let expected = objective.loss_at_reference(&loss.per_example.device())?;
    check("the loss", scalar(loss.per_example.mean())?, expected, LOSS * (1.0 + expected.abs()))
}

fn check(what: &'static str, found: f64, expected: f64, tolerance: f64) -> Result<(), TrainError> {
    // Written so that NaN fails.
    if (found - expected).abs() <= tolerance {
        return Ok(());
    }
    Err(TrainError::BrokenStart { what, found, expected })
}
