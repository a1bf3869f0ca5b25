//! Before the first update, the policy must be its reference.

use burn::tensor::{DType, Device, Tensor};
use iopo_model::CausalLm;

use crate::batch::{MicroBatch, token_log_probs};
use crate::error::TrainError;
use crate::log_probs::{BatchLogProbs, TokenLogProbs};
use crate::objective::Objective;
use crate::reference::ReferencePolicy;
use crate::step::scalar;

/// Largest log-ratio, per unit of log-prob, that is explained by the order of summation.
///
/// Where the reference runs, it does the same operations on the same numbers, so on the CPU it is 0.
/// Cached numbers come from other batches, and have the tolerance that was measured for them.
const LOG_RATIO: f64 = 1e-5;

/// Largest difference of the loss from its value at equality.
const LOSS: f64 = 1e-3;

/// Refuses to start where log-ratios, margin and loss are not what equality gives: 0, 0 and, for a sigmoid link, ln 2.
///
/// The loss is checked if the objective [compares only](Objective::compares_only).
///
/// # Errors
/// [`TrainError::BrokenStart`] names the first quantity that is off.
pub fn check_start(
    policy: &CausalLm,
    reference: &ReferencePolicy,
    objective: &dyn Objective,
    batch: &MicroBatch,
) -> Result<(), TrainError> {
    if !objective.needs_reference() {
        return Ok(());
    }
    let log_probs = token_log_probs(policy, batch)?;
    let reference_sums = reference.log_probs(batch)?;
    let mut largest_rounding = 0.0_f64;
    let pairs = values(&log_probs.sums()?.sum)?.into_iter().zip(values(&reference_sums)?);
    for ((policy, reference_sum), &tokens) in pairs.zip(&log_probs.lengths) {
        let tolerance = match reference.rounding() {
            None => LOG_RATIO * (1.0 + reference_sum.abs()),
            Some(rounding) => {
                let tolerance = rounding.of(reference_sum, tokens);
                largest_rounding = largest_rounding.max(tolerance);
                tolerance
            }
        };
        check("the log-ratio of a sequence", policy - reference_sum, 0.0, tolerance)?;
    }
    // A margin is β times the difference of at most four log-ratios, the loss of a margin no steeper
    // than 1 plus itself: the slope of a square is twice its root.
    let tolerance = LOSS + 4.0 * objective.beta() * largest_rounding;
    let device = reference_sums.device();
    let log_probs = BatchLogProbs::new(objective.task(), log_probs, Some(reference_sums))?;
    let loss = objective.loss(&log_probs)?;
    for (name, margins) in loss.stats.iter().filter(|(name, _)| *name == "rewards/margins") {
        check(name, scalar(margins.clone().abs().max())?, 0.0, tolerance)?;
    }
    if !objective.compares_only() {
        return Ok(());
    }
    let expected = loss_at_reference(objective, &device)?;
    check("the loss", scalar(loss.per_example.mean())?, expected, tolerance * (1.0 + expected.abs()))
}

/// The loss of an example at which policy and reference agree: ln 2 for a sigmoid link.
fn loss_at_reference(objective: &dyn Objective, device: &Device) -> Result<f64, TrainError> {
    let sequences = objective.sequences_per_example();
    let sums = || Tensor::<1>::full([sequences], -1.0, (device, DType::F32));
    let policy = TokenLogProbs { values: sums(), lengths: vec![1; sequences] };
    let equal = BatchLogProbs::new(objective.task(), policy, Some(sums()))?;
    scalar(objective.loss(&equal)?.per_example.mean())
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
