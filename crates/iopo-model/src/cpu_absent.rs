//! What stands in for the CPU kernels where they are not compiled: none applies.

use burn::tensor::Tensor;

use crate::layout::TokenLayout;
use crate::linear::Input;
use crate::rope::RotaryEmbedding;

pub(crate) fn linear<const D: usize>(
    _: &Input,
    _: &Tensor<2>,
    _: &mut Option<Tensor<D>>,
    _: f64,
) -> Option<Tensor<2>> {
    None
}

pub(crate) fn rms_norm(_: &Tensor<2>, _: &Tensor<1>, _: f64) -> Option<Tensor<2>> {
    None
}

pub(crate) fn rotate(_: &Tensor<2>, _: &RotaryEmbedding) -> Option<Tensor<2>> {
    None
}

pub(crate) fn swiglu(_: &Tensor<2>, _: &Tensor<2>) -> Option<Tensor<2>> {
    None
}

pub(crate) fn attend(_: [&Tensor<2>; 3], _: &TokenLayout, _: usize, _: usize) -> Option<Tensor<2>> {
    None
}

pub(crate) fn target_log_probs(_: &Tensor<2>, _: &[u32]) -> Option<Tensor<1>> {
    None
}

pub(crate) fn seed(_: &Tensor<2>, _: &Tensor<2>) -> Option<Tensor<1>> {
    None
}

/// Turns the CPU kernels on or off; there are none in this build.
pub fn set_cpu_kernels(_: bool) {}

/// Reads f32 values where they lie; this build has no access to them.
pub fn with_cpu_values<const N: usize, R>(_: [&Tensor<1>; N], _: impl FnOnce([&[f32]; N]) -> R) -> Option<R> {
    None
}
