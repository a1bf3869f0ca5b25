//! The trait that a device with its own kernels implements, and the arguments of operations.

use burn::tensor::{Device, Tensor};
use thiserror::Error;

use crate::layout::TokenLayout;

/// The operations that one kind of device computes by its own kernels.
///
/// A method returns `None`, or its arguments where it would have consumed them, if it has no kernel for these float
/// types and options; tensor operations then compute the result. The default methods do the same.
#[allow(
    clippy::result_large_err,
    reason = "arguments come back as they were; a box would be an allocation per call"
)]
pub(crate) trait Kernels: Sync {
    /// Whether the kernels are for tensors of this device.
    fn serves(&self, device: &Device) -> bool;

    /// Whether each operation runs on the thread that calls it, so that branches of a batch side by side are faster
    /// than one after the other.
    fn runs_on_calling_thread(&self) -> bool {
        false
    }

    /// See [`super::linear`].
    fn linear(&self, x: &Input, weight: &Tensor<2>, onto: Onto, scale: f64) -> Result<Tensor<2>, Onto> {
        let _ = (x, weight, scale);
        Err(onto)
    }

    /// See [`super::rms_norm`].
    fn rms_norm(&self, _x: &Tensor<2>, _weight: &Tensor<1>, _eps: f64) -> Option<Tensor<2>> {
        None
    }

    /// See [`super::rotate`].
    fn rotate(&self, _x: &Tensor<2>, _cos: &Tensor<3>, _sin: &Tensor<3>) -> Option<Tensor<2>> {
        None
    }

    /// See [`super::gated`].
    fn gated(&self, _activation: Activation, _gate: &Tensor<2>, _up: &Tensor<2>) -> Option<Tensor<2>> {
        None
    }

    /// See [`super::attend`].
    fn attend(&self, _qkv: [&Tensor<2>; 3], _layout: &TokenLayout, _heads: Heads) -> Option<Tensor<2>> {
        None
    }

    /// See [`super::key_values`].
    fn key_values(&self, _like: &Tensor<2>, _heads: Heads) -> Option<Box<dyn KeyValues>> {
        None
    }

    /// See [`super::target_log_probs`].
    fn target_log_probs(&self, _scores: &Tensor<2>, _targets: &[u32]) -> Option<Tensor<1>> {
        None
    }

    /// See [`super::with_gradient`].
    fn with_gradient(&self, _x: &Tensor<2>, _upstream: &Tensor<2>) -> Option<Tensor<1>> {
        None
    }

    /// See [`super::adamw_update`].
    fn adamw_update(
        &self,
        _update: &AdamWUpdate,
        tensors: [Tensor<1>; 4],
    ) -> Result<[Tensor<1>; 3], [Tensor<1>; 4]> {
        Err(tensors)
    }

    /// See [`super::add`].
    fn add(&self, tensors: [Tensor<1>; 2]) -> Result<Tensor<1>, [Tensor<1>; 2]> {
        Err(tensors)
    }

    /// See [`super::scale`].
    fn scale(&self, x: Tensor<1>, _factor: f64) -> Result<Tensor<1>, Tensor<1>> {
        Err(x)
    }

    /// See [`super::sum_of_squares`].
    fn sum_of_squares(&self, _x: &Tensor<1>) -> Option<f64> {
        None
    }
}

/// The input of a linear layer, and how the backward pass may recompute it.
#[derive(Clone)]
pub(crate) struct Input {
    pub(crate) value: Tensor<2>,
    pub(crate) recipe: Option<Recipe>,
}

/// How an input is recomputed where that is cheaper than keeping it: from tensors that the operation which made it
/// keeps anyway. Kernels that have no recomputation keep the input.
#[derive(Clone)]
#[cfg_attr(not(feature = "flex"), allow(dead_code, reason = "only kernels recompute"))]
pub(crate) enum Recipe {
    /// [`rms_norm`].
    Norm { x: Tensor<2>, weight: Tensor<1>, eps: f64 },
    /// [`gated`].
    Gated { activation: Activation, gate: Tensor<2>, up: Tensor<2> },
}

impl Input {
    /// An input that is kept.
    pub(crate) fn kept(value: Tensor<2>) -> Self {
        Self { value, recipe: None }
    }
}

/// The term that a product is added to.
pub(crate) enum Onto {
    /// Zero.
    Nothing,
    /// A vector, to every row: `[out]`.
    EveryRow(Tensor<1>),
    /// A matrix: `[rows, out]`.
    Matrix(Tensor<2>),
}

/// Activation of the gate of a feed-forward part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// `z / (1 + exp(−z))`.
    Silu,
    /// `z/2 · (1 + tanh(√(2/π) (z + 0.044715 z³)))`.
    GeluTanh,
}

/// The heads of an attention.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Heads {
    /// Number of key-value heads; several query heads may share one.
    pub(crate) key_value: usize,
    /// Width of one head.
    pub(crate) width: usize,
    /// Factor of the scores.
    pub(crate) scale: f64,
}

/// One layer's keys and values of sequences that grow by a token at a time.
pub(crate) trait KeyValues {
    /// Adds sequences of these lengths behind the present ones.
    ///
    /// # Shapes
    /// - `k`, `v`: `[tokens, kv_heads · width]`
    fn admit(&mut self, k: &Tensor<2>, v: &Tensor<2>, lengths: &[usize]) -> Result<(), DeviceError>;

    /// Adds one token to every sequence.
    ///
    /// # Shapes
    /// - `k`, `v`: `[sequences, kv_heads · width]`
    fn append(&mut self, k: &Tensor<2>, v: &Tensor<2>) -> Result<(), DeviceError>;

    /// Attention of the last token of each of the last sequences to all of its sequence.
    ///
    /// # Shapes
    /// - `q`, result: `[sequences, heads · width]`, for as many sequences as there are rows
    fn attend(&self, q: &Tensor<2>) -> Result<Tensor<2>, DeviceError>;

    /// Drops the sequences for which `keep` is false; those behind them move up.
    fn retain(&mut self, keep: &[bool]);
}

/// The numbers of an AdamW update that do not change from element to element.
///
/// ```text
/// m ← β₁ m + (1 − β₁) g,   v ← β₂ v + (1 − β₂) g²
/// θ ← kept · θ − rate · m / (sqrt(v) / corrected2 + ε)
/// ```
#[derive(Debug, Clone, Copy)]
pub struct AdamWUpdate {
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
    /// The factor that weight decay multiplies the parameter by, `1 − η λ`.
    pub kept: f64,
    /// `sqrt(1 − β₂ᵗ)`.
    pub corrected2: f64,
    /// `η / (1 − β₁ᵗ)`.
    pub rate: f64,
}

/// Values that cannot be read from their device.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
#[error("cannot read values from their device: {reason}")]
pub struct DeviceError {
    reason: String,
}

impl DeviceError {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into() }
    }
}
