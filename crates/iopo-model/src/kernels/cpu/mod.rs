//! Kernels for burn's CPU backend, `flex`, with gradients written by hand.
//!
//! Each does in one or two passes over memory what tensor operations do in many. They compute in f32 and f64, where
//! all inputs have the same type.
//!
//! Work is divided into blocks that follow from the shapes alone, each computed by one thread, so that results do not
//! depend on the number of threads.

mod attention;
mod extension;
mod key_values;
mod linear;
mod log_prob;
mod norm;
mod real;
mod rope;
mod swiglu;
mod update;

use std::sync::Arc;

use burn::backend::{Dispatch, Flex, tensor::FloatTensor};
use burn::tensor::{DType, Device, Tensor};

use super::device::{Activation, AdamWUpdate, Heads, Input, Kernels, KeyValues, Onto, Recipe};
use crate::layout::TokenLayout;
use attention::AttentionPlan;
use extension::CpuOperations;

/// The CPU backend's own tensor.
type FlexTensor = FloatTensor<Flex>;

/// The CPU's kernels.
pub(crate) struct Cpu;

impl Kernels for Cpu {
    fn serves(&self, device: &Device) -> bool {
        *device == Device::flex()
    }

    fn runs_on_calling_thread(&self) -> bool {
        true
    }

    fn linear(&self, x: &Input, weight: &Tensor<2>, onto: Onto, scale: f64) -> Result<Tensor<2>, Onto> {
        let onto_dtype = match &onto {
            Onto::Nothing => None,
            Onto::EveryRow(onto) => Some(onto.dtype()),
            Onto::Matrix(onto) => Some(onto.dtype()),
        };
        if !has_kernel(&x.value, onto_dtype.into_iter().chain([weight.dtype()])) {
            return Err(onto);
        }
        let onto = match onto {
            Onto::Nothing => extension::Onto::Nothing,
            Onto::EveryRow(onto) => extension::Onto::Values(onto.into_dispatch()),
            Onto::Matrix(onto) => extension::Onto::Values(onto.into_dispatch()),
        };
        let saved = match &x.recipe {
            Some(Recipe::Norm { x, weight, eps }) => extension::Saved::Norm {
                x: x.clone().into_dispatch(),
                weight: weight.clone().into_dispatch(),
                eps: *eps,
            },
            Some(Recipe::Gated { activation: Activation::Silu, gate, up }) => {
                extension::Saved::Gated { gate: gate.clone().into_dispatch(), up: up.clone().into_dispatch() }
            }
            Some(Recipe::Gated { activation: Activation::GeluTanh, .. }) | None => extension::Saved::Input,
        };
        let (x, weight) = (x.value.clone().into_dispatch(), weight.clone().into_dispatch());
        Ok(Tensor::from_dispatch(Dispatch::linear(x, weight, onto, saved, scale)))
    }

    fn rms_norm(&self, x: &Tensor<2>, weight: &Tensor<1>, eps: f64) -> Option<Tensor<2>> {
        has_kernel(x, [weight.dtype()]).then(|| {
            let (x, weight) = (x.clone().into_dispatch(), weight.clone().into_dispatch());
            Tensor::from_dispatch(Dispatch::rms_norm(x, weight, eps))
        })
    }

    fn rotate(&self, x: &Tensor<2>, cos: &Tensor<3>, sin: &Tensor<3>) -> Option<Tensor<2>> {
        has_kernel(x, [cos.dtype()]).then(|| {
            let (cos, sin) = (cos.clone().into_dispatch(), sin.clone().into_dispatch());
            Tensor::from_dispatch(Dispatch::rotate(x.clone().into_dispatch(), cos, sin))
        })
    }

    fn gated(&self, activation: Activation, gate: &Tensor<2>, up: &Tensor<2>) -> Option<Tensor<2>> {
        (activation == Activation::Silu && has_kernel(gate, [up.dtype()])).then(|| {
            let (gate, up) = (gate.clone().into_dispatch(), up.clone().into_dispatch());
            Tensor::from_dispatch(Dispatch::swiglu(gate, up))
        })
    }

    fn attend(&self, [q, k, v]: [&Tensor<2>; 3], layout: &TokenLayout, heads: Heads) -> Option<Tensor<2>> {
        has_kernel(q, [k.dtype(), v.dtype()]).then(|| {
            let plan = AttentionPlan::new(layout, heads, q.dims()[1]);
            let [q, k, v] = [q, k, v].map(|x| x.clone().into_dispatch());
            Tensor::from_dispatch(Dispatch::attend(q, k, v, plan))
        })
    }

    fn key_values(&self, like: &Tensor<2>, heads: Heads) -> Option<Box<dyn KeyValues>> {
        has_kernel(like, []).then(|| key_values::new(like.dtype(), heads))
    }

    fn target_log_probs(&self, scores: &Tensor<2>, targets: &[u32]) -> Option<Tensor<1>> {
        has_kernel(scores, []).then(|| {
            let scores = scores.clone().into_dispatch();
            Tensor::from_dispatch(Dispatch::target_log_probs(scores, Arc::from(targets)))
        })
    }

    fn with_gradient(&self, x: &Tensor<2>, upstream: &Tensor<2>) -> Option<Tensor<1>> {
        has_kernel(x, [upstream.dtype()]).then(|| {
            let (x, upstream) = (x.clone().into_dispatch(), upstream.clone().into_dispatch());
            Tensor::from_dispatch(Dispatch::with_gradient(x, upstream))
        })
    }

    fn adamw_update(
        &self,
        update: &AdamWUpdate,
        tensors: [Tensor<1>; 4],
    ) -> Result<[Tensor<1>; 3], [Tensor<1>; 4]> {
        update::in_place(tensors, |tensors| update::adamw(update, tensors))
            .map(|[values, _, first, second]| [values, first, second])
    }

    fn add(&self, tensors: [Tensor<1>; 2]) -> Result<Tensor<1>, [Tensor<1>; 2]> {
        update::in_place(tensors, update::add).map(|[sum, _]| sum)
    }

    fn scale(&self, x: Tensor<1>, factor: f64) -> Result<Tensor<1>, Tensor<1>> {
        update::in_place([x], |x| update::scale(x, factor as f32)).map(|[x]| x).map_err(|[x]| x)
    }

    fn sum_of_squares(&self, x: &Tensor<1>) -> Option<f64> {
        update::sum_of_squares(x)
    }
}

/// Whether kernels exist for these float types.
fn has_kernel<const D: usize>(x: &Tensor<D>, others: impl IntoIterator<Item = DType>) -> bool {
    let dtype = x.dtype();
    matches!(dtype, DType::F32 | DType::F64) && others.into_iter().all(|other| other == dtype)
}

#[cfg(test)]
mod tests;
