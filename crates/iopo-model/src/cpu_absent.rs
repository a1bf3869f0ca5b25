//! What stands in for the CPU kernels where they are not compiled: none applies.

use burn::tensor::{Device, Tensor};

use crate::generation::{GenerateError, KvShape};
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

pub(crate) fn map<T, R>(items: Vec<T>, of: impl Fn(T) -> R) -> Vec<R> {
    items.into_iter().map(of).collect()
}

pub(crate) fn threads() -> usize {
    1
}

pub(crate) fn is_cpu(_: &Device) -> bool {
    false
}

/// Keys and values in the program's own memory; this build has no access to it.
pub(crate) enum KeyValues {}

impl KeyValues {
    pub(crate) fn like(_: &Tensor<2>, _: KvShape) -> Option<Self> {
        None
    }

    pub(crate) fn admit(&mut self, _: &Tensor<2>, _: &Tensor<2>, _: &[usize]) -> Result<(), GenerateError> {
        match *self {}
    }

    pub(crate) fn append(&mut self, _: &Tensor<2>, _: &Tensor<2>) -> Result<(), GenerateError> {
        match *self {}
    }

    pub(crate) fn attend(&self, _: &Tensor<2>) -> Result<Tensor<2>, GenerateError> {
        match *self {}
    }

    pub(crate) fn retain(&mut self, _: &[bool]) {
        match *self {}
    }
}

/// Turns the CPU kernels on or off; there are none in this build.
pub fn set_cpu_kernels(_: bool) {}

/// f32 values in the program's own memory; this build has no access to them.
#[derive(Debug)]
pub enum CpuValues {}

impl CpuValues {
    /// Gives the tensors back.
    ///
    /// # Errors
    /// Always.
    pub fn of<const N: usize>(tensors: [Tensor<1>; N]) -> Result<[Self; N], [Tensor<1>; N]> {
        Err(tensors)
    }

    /// The values.
    #[must_use]
    pub fn values(&self) -> std::borrow::Cow<'_, [f32]> {
        match *self {}
    }

    /// The values, to be changed.
    pub fn values_mut(&mut self) -> &mut [f32] {
        match *self {}
    }

    /// Back to burn.
    #[must_use]
    pub fn into_tensor(self) -> Tensor<1> {
        match self {}
    }
}
