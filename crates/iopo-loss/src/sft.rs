//! Supervised fine-tuning.

use crate::check::check_columns;
use crate::{CompletionLogProbs, LossError, PreferenceLoss, SftStats};

/// The loss of supervised fine-tuning.
///
/// ```text
/// L = -(1/T) log π(y|x),    T the number of completion tokens
/// ```
///
/// # Source
///
/// IOPO (ACL 2025), Section 3. SFT\* of Section 6.2 is this loss on
/// [`PairGrid::matched`](crate::PairGrid::matched).
///
/// # Examples
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use iopo_loss::{CompletionLogProbs, SftLoss};
///
/// let device = Device::flex();
/// let sum = Tensor::<1>::from_data([-6.0f32], &device);
/// let tokens = Tensor::<1>::from_data([4.0f32], &device);
/// let loss = SftLoss.forward(CompletionLogProbs::new(sum, tokens)?)?;
/// assert_eq!(loss.per_example.into_scalar::<f32>(), 1.5);
/// # Ok::<(), iopo_loss::LossError>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SftLoss;

impl SftLoss {
    /// Negative mean log-prob of every completion.
    ///
    /// # Shapes
    ///
    /// - `policy`: `[n]`; `per_example`: `[n]`
    ///
    /// # Errors
    ///
    /// [`LossError`] if the batch is empty or its tensors do not belong together.
    pub fn forward(&self, policy: CompletionLogProbs) -> Result<PreferenceLoss<SftStats>, LossError> {
        check_columns(&[("policy.sum", &policy.sum), ("policy.tokens", &policy.tokens)])?;
        Ok(PreferenceLoss {
            per_example: policy.mean_nll(),
            stats: SftStats { logps: policy.sum.without_autodiff() },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PairGrid;
    use crate::testing::{assert_rows, completion};

    #[test]
    fn sft_is_the_mean_negative_log_prob() {
        // -(-12) / 8 = 1.5
        assert_rows(SftLoss.forward(completion(-12.0, 8.0)).unwrap().per_example, &[1.5]);
    }

    #[test]
    fn the_group_as_two_sft_rows_has_its_matched_cells() {
        let grid = PairGrid { x1_y1: -6.0, x1_y2: -99.0, x2_y1: -99.0, x2_y2: -10.0 };
        let rows = grid.map(|sum| completion(sum, 4.0)).matched();
        assert_rows(SftLoss.forward(rows).unwrap().per_example, &[1.5, 2.5]);
    }
}
