//! Kernels for burn's CPU backend, `flex`, with gradients written by hand.
//!
//! Each does in one or two passes over memory what the tensor operations beside it do in many.
//! A function here returns `None` where its kernel does not apply: another device, another float
//! type than f32 and f64, or inputs of several types. The caller then runs the tensor operations,
//! which are also what the kernels are tested against.
//!
//! Work is divided into blocks that follow from the shapes alone, each computed by one thread, so
//! that results do not depend on the number of threads.

mod attention;
mod extension;
mod key_values;
mod linear;
mod log_prob;
mod norm;
mod real;
mod rope;
mod swiglu;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use burn::backend::{Dispatch, Flex, tensor::FloatTensor};
use burn::tensor::{DType, Device, Tensor};
use rayon::prelude::*;

use crate::layout::TokenLayout;
use crate::linear::{Input, Recipe};
use crate::rope::RotaryEmbedding;
use extension::{Again, CpuKernels, Onto};
use real::Real;

pub(crate) use attention::AttentionPlan;
pub(crate) use key_values::KeyValues;

/// The CPU backend's own tensor.
type FlexTensor = FloatTensor<Flex>;

static ENABLED: AtomicBool = AtomicBool::new(true);

/// Turns the CPU kernels on or off for the whole process; they are on at the start.
///
/// Without them, the CPU runs the same tensor operations as every other device. For measurements,
/// and to find out whether a kernel is at fault; results differ by rounding only.
pub fn set_cpu_kernels(enabled: bool) {
    ENABLED.store(enabled, Ordering::Relaxed);
}

/// `onto + scale · x Wᵀ`; takes `onto` where the kernel applies, so that it can be added to in place.
pub(crate) fn linear<const D: usize>(
    x: &Input,
    weight: &Tensor<2>,
    onto: &mut Option<Tensor<D>>,
    scale: f64,
) -> Option<Tensor<2>> {
    if !applies(&x.value, onto.as_ref().map(Tensor::dtype).into_iter().chain([weight.dtype()])) {
        return None;
    }
    let onto = onto.take().map_or(Onto::Nothing, |onto| Onto::Values(onto.into_dispatch()));
    let again = match &x.recipe {
        None => Again::Kept,
        Some(Recipe::Norm { x, weight, eps }) => {
            Again::Norm { x: x.clone().into_dispatch(), weight: weight.clone().into_dispatch(), eps: *eps }
        }
        Some(Recipe::Gated { gate, up }) => {
            Again::Gated { gate: gate.clone().into_dispatch(), up: up.clone().into_dispatch() }
        }
    };
    let (x, weight) = (x.value.clone().into_dispatch(), weight.clone().into_dispatch());
    let y = Dispatch::linear(x, weight, onto, again, scale);
    Some(Tensor::from_dispatch(y))
}

/// `w · x / sqrt(mean(x²) + eps)`.
pub(crate) fn rms_norm(x: &Tensor<2>, weight: &Tensor<1>, eps: f64) -> Option<Tensor<2>> {
    applies(x, [weight.dtype()]).then(|| {
        Tensor::from_dispatch(Dispatch::rms_norm(
            x.clone().into_dispatch(),
            weight.clone().into_dispatch(),
            eps,
        ))
    })
}

/// The rotation of query or key heads.
pub(crate) fn rotate(x: &Tensor<2>, rope: &RotaryEmbedding) -> Option<Tensor<2>> {
    applies(x, [rope.cos.dtype()]).then(|| {
        let tables = [&rope.cos, &rope.sin].map(|table| table.clone().into_dispatch());
        let [cos, sin] = tables;
        Tensor::from_dispatch(Dispatch::rotate(x.clone().into_dispatch(), cos, sin))
    })
}

/// `silu(gate) · up`.
pub(crate) fn swiglu(gate: &Tensor<2>, up: &Tensor<2>) -> Option<Tensor<2>> {
    applies(gate, [up.dtype()]).then(|| {
        Tensor::from_dispatch(Dispatch::swiglu(gate.clone().into_dispatch(), up.clone().into_dispatch()))
    })
}

/// Attention of every token to what its segment sees.
///
/// # Shapes
/// - `q`, result: `[tokens, heads · head_dim]`; `k`, `v`: `[tokens, kv_heads · head_dim]`
pub(crate) fn attend(
    [q, k, v]: [&Tensor<2>; 3],
    layout: &TokenLayout,
    kv_heads: usize,
    head_dim: usize,
) -> Option<Tensor<2>> {
    applies(q, [k.dtype(), v.dtype()]).then(|| {
        let group = q.dims()[1] / (kv_heads * head_dim);
        let plan = AttentionPlan::new(layout, kv_heads, group, head_dim);
        let [q, k, v] = [q, k, v].map(|x| x.clone().into_dispatch());
        Tensor::from_dispatch(Dispatch::attend(q, k, v, plan))
    })
}

/// `z[target] − log Σ_v exp z[v]` for each row of scores.
pub(crate) fn target_log_probs(scores: &Tensor<2>, targets: &[u32]) -> Option<Tensor<1>> {
    applies(scores, []).then(|| {
        Tensor::from_dispatch(Dispatch::target_log_probs(scores.clone().into_dispatch(), Arc::from(targets)))
    })
}

/// The results for all items, computed in parallel, in order.
pub(crate) fn map<T: Send, R: Send>(items: Vec<T>, of: impl Fn(T) -> R + Sync + Send) -> Vec<R> {
    items.into_par_iter().map(of).collect()
}

/// Number of threads that work is shared among.
pub(crate) fn threads() -> usize {
    rayon::current_num_threads()
}

/// Whether tensors of this device lie in the program's own memory.
pub(crate) fn is_cpu(device: &Device) -> bool {
    *device == Device::flex()
}

/// Whether kernels are on and fit the device and the float types.
fn applies<const D: usize>(x: &Tensor<D>, others: impl IntoIterator<Item = DType>) -> bool {
    let dtype = x.dtype();
    matches!(dtype, DType::F32 | DType::F64)
        && others.into_iter().all(|other| other == dtype)
        && ENABLED.load(Ordering::Relaxed)
        && is_cpu(&x.device())
}

/// A scalar whose gradient for `x` is `upstream`, from where a backward pass through `x` starts; its value is 0.
pub(crate) fn seed(x: &Tensor<2>, upstream: &Tensor<2>) -> Option<Tensor<1>> {
    applies(x, [upstream.dtype()]).then(|| {
        Tensor::from_dispatch(Dispatch::seed_gradient(
            x.clone().into_dispatch(),
            upstream.clone().into_dispatch(),
        ))
    })
}

/// f32 values that lie in the program's own memory, for what is done to parameters and gradients
/// outside the model, such as an optimizer's update.
#[derive(Debug)]
pub struct CpuValues(FlexTensor);

impl CpuValues {
    /// Takes tensors apart from burn if all of them are f32 on the CPU and kernels are on.
    ///
    /// # Errors
    /// The tensors as they were, where one of them is not.
    pub fn of<const N: usize>(tensors: [Tensor<1>; N]) -> Result<[Self; N], [Tensor<1>; N]> {
        if !tensors.iter().all(|tensor| applies(tensor, [DType::F32])) {
            return Err(tensors);
        }
        let mut stored = Vec::with_capacity(N);
        for tensor in &tensors {
            match tensor.clone().without_autodiff().try_into_primitive::<Flex>() {
                Ok(tensor) => stored.push(Self(tensor)),
                Err(_) => return Err(tensors),
            }
        }
        stored.try_into().map_err(|_| tensors)
    }

    /// The values, row by row.
    #[must_use]
    pub fn values(&self) -> std::borrow::Cow<'_, [f32]> {
        f32::values(&self.0)
    }

    /// The values, to be changed; copied first where another tensor holds them too.
    pub fn values_mut(&mut self) -> &mut [f32] {
        f32::values_mut(&mut self.0)
    }

    /// Back to burn.
    #[must_use]
    pub fn into_tensor(self) -> Tensor<1> {
        Tensor::from_primitive::<Flex>(self.0)
    }
}

#[cfg(test)]
mod tests;
