//! The result of every loss.

use burn::tensor::Tensor;

/// A loss per example, with the statistics that belong to it.
#[derive(Debug, Clone)]
pub struct PreferenceLoss<S> {
    /// The loss of every example, differentiable.
    pub per_example: Tensor<1>,
    /// Rewards and log-probs, detached.
    pub stats: S,
}

impl<S> PreferenceLoss<S> {
    /// The mean over the examples, the number that training differentiates.
    ///
    /// # Shapes
    ///
    /// - returns `[1]`
    pub fn mean(&self) -> Tensor<1> {
        self.per_example.clone().mean()
    }
}
