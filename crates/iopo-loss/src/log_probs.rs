//! The log-probs of completions, which are all that a loss knows of a model.

use burn::tensor::Tensor;

use crate::LossError;
use crate::check::check_columns;

/// Log-probabilities of completions: one sum and one token count per sequence.
///
/// # Shapes
///
/// - `sum`: `[n]`, the sum over completion tokens of their log-probabilities
/// - `tokens`: `[n]`, how many tokens that was, in the same dtype
#[derive(Debug, Clone)]
pub struct CompletionLogProbs {
    /// Sum of the completion's token log-probabilities, `[n]`.
    pub sum: Tensor<1>,
    /// Number of completion tokens, `[n]`.
    pub tokens: Tensor<1>,
}

impl CompletionLogProbs {
    /// Joins sums and token counts.
    ///
    /// # Shapes
    ///
    /// - `sum`, `tokens`: `[n]`, n > 0
    ///
    /// # Errors
    ///
    /// [`LossError::Mismatch`] if the two tensors do not belong together, [`LossError::EmptyBatch`] if
    /// they hold nothing.
    ///
    /// # Examples
    ///
    /// ```
    /// use burn::tensor::{Device, Tensor};
    /// use iopo_loss::CompletionLogProbs;
    ///
    /// let device = Device::flex();
    /// let sum = Tensor::<1>::from_data([-6.0f32, -1.5], &device);
    /// let tokens = Tensor::<1>::from_data([4.0f32, 3.0], &device);
    /// let log_probs = CompletionLogProbs::new(sum, tokens)?;
    /// assert_eq!(log_probs.mean().into_data().try_to_vec::<f32>()?, [-1.5, -0.5]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(sum: Tensor<1>, tokens: Tensor<1>) -> Result<Self, LossError> {
        check_columns(&[("sum", &sum), ("tokens", &tokens)])?;
        Ok(Self { sum, tokens })
    }

    /// Mean log-probability per completion token.
    ///
    /// ```text
    /// sum / max(tokens, 1)
    /// ```
    ///
    /// # Shapes
    ///
    /// - returns `[n]`
    pub fn mean(&self) -> Tensor<1> {
        self.per_token(self.sum.clone())
    }

    /// Negative mean log-probability per completion token: the loss of supervised fine-tuning.
    pub(crate) fn mean_nll(&self) -> Tensor<1> {
        self.mean().neg()
    }

    /// Log-prob, log-ratio to the reference's sums and implicit reward; of sums or, if `averaged`, of
    /// means. Without a reference its log-probs count as zero.
    pub(crate) fn compared_with(&self, reference: Option<Tensor<1>>, averaged: bool, beta: f64) -> Compared {
        let seen = |sum: Tensor<1>| if averaged { self.per_token(sum) } else { sum };
        let log_prob = seen(self.sum.clone());
        let log_ratio = match reference {
            Some(reference) => log_prob.clone() - seen(reference),
            None => log_prob.clone(),
        };
        let reward = log_ratio.clone().mul_scalar(beta);
        Compared { log_prob, log_ratio, reward }
    }

    /// `value` divided by these token counts; an empty completion counts as one token.
    fn per_token(&self, value: Tensor<1>) -> Tensor<1> {
        value / self.tokens.clone().clamp_min(1.0)
    }

    /// The rows of `first`, then those of `second`.
    pub(crate) fn cat(first: Self, second: Self) -> Self {
        Self {
            sum: Tensor::cat(vec![first.sum, second.sum], 0),
            tokens: Tensor::cat(vec![first.tokens, second.tokens], 0),
        }
    }
}

/// A completion's log-prob as a loss sees it, compared with the reference's; every field is `[n]`.
#[derive(Debug, Clone)]
pub(crate) struct Compared {
    pub(crate) log_prob: Tensor<1>,
    pub(crate) log_ratio: Tensor<1>,
    pub(crate) reward: Tensor<1>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn an_empty_completion_has_mean_zero() {
        let zero = Tensor::<1>::zeros([1], &Device::flex());
        let log_probs = CompletionLogProbs::new(zero.clone(), zero).unwrap();
        assert_eq!(log_probs.mean().into_scalar::<f32>(), 0.0);
    }

    #[test]
    fn sums_and_counts_of_different_lengths_are_an_error() {
        let device = Device::flex();
        let result = CompletionLogProbs::new(Tensor::zeros([2], &device), Tensor::ones([3], &device));
        assert_eq!(result.unwrap_err().to_string(), "tokens has 3 rows where 2 were expected");
    }

    #[test]
    fn an_empty_batch_is_an_error() {
        let device = Device::flex();
        let result = CompletionLogProbs::new(Tensor::zeros([0], &device), Tensor::ones([0], &device));
        assert!(matches!(result, Err(LossError::EmptyBatch)));
    }
}
