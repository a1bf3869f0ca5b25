//! Where pieces of a backward pass begin and end.

use burn::tensor::{Gradients, Tensor};

/// The values as a leaf of a tape of its own, whose gradient is kept.
pub(crate) fn leaf(values: Tensor<2>) -> Tensor<2> {
    values.autodiff().require_grad()
}

/// The gradient of a leaf; zeros where nothing depends on it.
pub(crate) fn gradient_of(leaf: &Tensor<2>, gradients: &mut Gradients) -> Tensor<2> {
    leaf.grad_remove(gradients).unwrap_or_else(|| leaf.clone().without_autodiff().zeros_like())
}
