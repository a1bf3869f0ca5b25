//! The operations that models and optimizers are made of, each by the fastest implementation that a device has.
//!
//! Callers call `kernels::linear(..)` and name neither a device nor a backend. Every operation exists as tensor
//! operations (`tensors`), which run on every device and float type and are what kernels are tested against. A
//! device may have kernels of its own: a folder here that implements `Kernels`, and a line in `DEVICES`.

#[cfg(feature = "flex")]
mod cpu;
mod device;
pub(crate) mod tensors;

use std::sync::atomic::{AtomicBool, Ordering};

use burn::tensor::{DType, Device, FloatDType, Tensor, TensorReadError};
use rayon::prelude::*;

use crate::layout::TokenLayout;

pub use device::{Activation, AdamWUpdate, DeviceError};
pub(crate) use device::{Heads, Input, Kernels, KeyValues, Onto, Recipe};
pub(crate) use tensors::indices;

/// The devices that have kernels of their own.
static DEVICES: &[&dyn Kernels] = &[
    #[cfg(feature = "flex")]
    &cpu::Cpu,
];

static ENABLED: AtomicBool = AtomicBool::new(true);

/// Turns the devices' own kernels on or off for the whole process; they are on at the start.
///
/// Without them every device runs the same tensor operations. For measurements, and to find out whether a kernel is at
/// fault; results differ by rounding only.
pub fn set_enabled(enabled: bool) {
    ENABLED.store(enabled, Ordering::Relaxed);
}

/// The kernels of a device, on or off.
fn of(device: &Device) -> Option<&'static dyn Kernels> {
    DEVICES.iter().copied().find(|kernels| kernels.serves(device))
}

/// The kernels that may compute with a tensor.
fn enabled<const D: usize>(x: &Tensor<D>) -> Option<&'static dyn Kernels> {
    if ENABLED.load(Ordering::Relaxed) { of(&x.device()) } else { None }
}

/// `onto + scale · x Wᵀ`.
///
/// # Shapes
/// - `x`: `[rows, in]`, `weight`: `[out, in]`
/// - result: `[rows, out]`
pub(crate) fn linear(x: &Input, weight: &Tensor<2>, onto: Onto, scale: f64) -> Tensor<2> {
    match enabled(&x.value) {
        Some(kernels) => kernels.linear(x, weight, onto, scale),
        None => Err(onto),
    }
    .unwrap_or_else(|onto| tensors::linear(&x.value, weight, onto, scale))
}

/// `w · x / sqrt(mean(x²) + eps)`, the mean over the last dimension and in at least f32.
///
/// # Shapes
/// - `x`, result: `[rows, width]`, `weight`: `[width]`
pub(crate) fn rms_norm(x: Tensor<2>, weight: &Tensor<1>, eps: f64) -> Tensor<2> {
    enabled(&x)
        .and_then(|kernels| kernels.rms_norm(&x, weight, eps))
        .unwrap_or_else(|| tensors::rms_norm(x, weight, eps))
}

/// Rotates the pairs `(x_i, x_{i + half})` of every head by the angles whose cosines and sines are given.
///
/// # Shapes
/// - `x`, result: `[tokens, heads · 2 · half]`; `cos`, `sin`: `[tokens, 1, half]`
pub(crate) fn rotate(x: Tensor<2>, cos: &Tensor<3>, sin: &Tensor<3>) -> Tensor<2> {
    enabled(&x)
        .and_then(|kernels| kernels.rotate(&x, cos, sin))
        .unwrap_or_else(|| tensors::rotate(x, cos, sin))
}

/// `activation(gate) · up`.
///
/// # Shapes
/// - all: `[rows, width]`
pub(crate) fn gated(activation: Activation, gate: Tensor<2>, up: Tensor<2>) -> Tensor<2> {
    enabled(&gate)
        .and_then(|kernels| kernels.gated(activation, &gate, &up))
        .unwrap_or_else(|| tensors::gated(activation, gate, up))
}

/// `softmax(scale · q kᵀ + mask) v`: attention of every token to what its segment sees.
///
/// # Shapes
/// - `q`, result: `[tokens, heads · width]`; `k`, `v`: `[tokens, kv_heads · width]`
pub(crate) fn attend([q, k, v]: [Tensor<2>; 3], layout: &TokenLayout, heads: Heads) -> Tensor<2> {
    enabled(&q)
        .and_then(|kernels| kernels.attend([&q, &k, &v], layout, heads))
        .unwrap_or_else(|| tensors::attend([q, k, v], layout, heads))
}

/// A key-value cache without sequences, for tensors like this one.
pub(crate) fn key_values(like: &Tensor<2>, heads: Heads) -> Box<dyn KeyValues> {
    enabled(like)
        .and_then(|kernels| kernels.key_values(like, heads))
        .unwrap_or_else(|| Box::new(tensors::TensorKeyValues::new(heads)))
}

/// `z[target] − log Σ_v exp z[v]` for each row of scores.
///
/// # Shapes
/// - `scores`: `[rows, vocab]`, result: `[rows]`
pub(crate) fn target_log_probs(scores: Tensor<2>, targets: &[u32]) -> Tensor<1> {
    enabled(&scores)
        .and_then(|kernels| kernels.target_log_probs(&scores, targets))
        .unwrap_or_else(|| tensors::target_log_probs(scores, targets))
}

/// A scalar whose gradient for `x` is `upstream`: where a backward pass through `x` starts. Its value has no meaning.
///
/// # Shapes
/// - `x`, `upstream`: the same; result: `[1]`
pub(crate) fn with_gradient(x: Tensor<2>, upstream: Tensor<2>) -> Tensor<1> {
    enabled(&x)
        .and_then(|kernels| kernels.with_gradient(&x, &upstream))
        .unwrap_or_else(|| tensors::with_gradient(x, upstream))
}

/// The new parameter and its moments, in place where each has no other owner.
///
/// # Shapes
/// - `[parameter, gradient, first moment, second moment]`, each with as many values
#[must_use]
pub fn adamw_update(update: &AdamWUpdate, tensors: [Tensor<1>; 4]) -> [Tensor<1>; 3] {
    match enabled(&tensors[0]) {
        Some(kernels) => kernels.adamw_update(update, tensors),
        None => Err(tensors),
    }
    .unwrap_or_else(|tensors| tensors::adamw_update(update, tensors))
}

/// `a + b`, in place where `a` has no other owner.
#[must_use]
pub fn add(a: Tensor<1>, b: Tensor<1>) -> Tensor<1> {
    match enabled(&a) {
        Some(kernels) => kernels.add([a, b]),
        None => Err([a, b]),
    }
    .unwrap_or_else(|[a, b]| a + b)
}

/// `factor · x`, in place where `x` has no other owner.
#[must_use]
pub fn scale(x: Tensor<1>, factor: f64) -> Tensor<1> {
    match enabled(&x) {
        Some(kernels) => kernels.scale(x, factor),
        None => Err(x),
    }
    .unwrap_or_else(|x| x * factor)
}

/// The same values in at least f32: sums and squares of bf16 numbers lose what small ones add.
pub fn at_least_f32(values: Tensor<1>) -> Tensor<1> {
    match values.dtype() {
        DType::F64 | DType::F32 => values,
        _ => values.cast(FloatDType::F32),
    }
}

/// `Σ x²`.
///
/// # Errors
/// A value that cannot be read from its device.
pub fn sum_of_squares(x: &Tensor<1>) -> Result<f64, TensorReadError> {
    match enabled(x).and_then(|kernels| kernels.sum_of_squares(x)) {
        Some(sum) => Ok(sum),
        None => x.clone().square().sum().try_into_scalar(),
    }
}

/// The results for all items, computed on all threads, in order.
pub(crate) fn map<T: Send, R: Send>(items: Vec<T>, of: impl Fn(T) -> R + Sync + Send) -> Vec<R> {
    items.into_par_iter().map(of).collect()
}

/// Number of threads that [`map`] uses.
pub(crate) fn threads() -> usize {
    rayon::current_num_threads()
}

/// Whether parts of a batch are faster by [`map`] than in one piece.
pub(crate) fn runs_on_calling_thread(device: &Device) -> bool {
    of(device).is_some_and(|kernels| kernels.runs_on_calling_thread())
}
