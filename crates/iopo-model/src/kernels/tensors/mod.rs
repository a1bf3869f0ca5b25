//! Every operation as tensor operations: for all devices and float types, and as the reference in kernels' tests.

mod attention;
mod softmax;

use burn::tensor::{Device, Int, Tensor, TensorData, activation};

use super::device::{Activation, AdamWUpdate, Onto};
use crate::precision::accumulation;
use softmax::log_sum_exp;

pub(crate) use attention::{TensorKeyValues, attend};

pub(crate) fn linear(x: &Tensor<2>, weight: &Tensor<2>, onto: Onto, scale: f64) -> Tensor<2> {
    let mut y = x.clone().matmul(weight.clone().transpose());
    if scale != 1.0 {
        y = y * scale;
    }
    match onto {
        Onto::Nothing => y,
        Onto::EveryRow(onto) => onto.unsqueeze() + y,
        Onto::Matrix(onto) => onto + y,
    }
}

pub(crate) fn rms_norm(x: Tensor<2>, weight: &Tensor<1>, eps: f64) -> Tensor<2> {
    let dtype = x.dtype();
    let wide = x.cast(accumulation(dtype));
    let mean_square = wide.clone().square().mean_dim(1);
    let normalised = wide / (mean_square + eps).sqrt();
    normalised.cast(dtype) * weight.clone().unsqueeze()
}

pub(crate) fn rotate(x: Tensor<2>, cos: &Tensor<3>, sin: &Tensor<3>) -> Tensor<2> {
    let ([tokens, width], half) = (x.dims(), cos.dims()[2]);
    let x = x.reshape([tokens, width / (2 * half), 2 * half]);
    let first = x.clone().narrow(2, 0, half);
    let second = x.narrow(2, half, half);
    let (cos, sin) = (cos.clone(), sin.clone());
    Tensor::cat(
        vec![first.clone() * cos.clone() - second.clone() * sin.clone(), second * cos + first * sin],
        2,
    )
    .reshape([tokens, width])
}

pub(crate) fn gated(activation: Activation, gate: Tensor<2>, up: Tensor<2>) -> Tensor<2> {
    match activation {
        Activation::Silu => activation::silu(gate) * up,
        Activation::GeluTanh => activation::gelu_approximate(gate) * up,
    }
}

pub(crate) fn target_log_probs(scores: Tensor<2>, targets: &[u32]) -> Tensor<1> {
    let targets = indices(targets.iter().map(|&t| i64::from(t)), &scores.device());
    let of_targets = scores.clone().gather(1, targets.unsqueeze_dim(1));
    (of_targets - log_sum_exp(scores)).squeeze_dim(1)
}

pub(crate) fn with_gradient(x: Tensor<2>, upstream: Tensor<2>) -> Tensor<1> {
    (x * upstream).sum()
}

pub(crate) fn adamw_update(
    update: &AdamWUpdate,
    [values, gradient, first, second]: [Tensor<1>; 4],
) -> [Tensor<1>; 3] {
    let first = first * update.beta1 + gradient.clone() * (1.0 - update.beta1);
    let second = second * update.beta2 + gradient.square() * (1.0 - update.beta2);
    let kept = if update.kept == 1.0 { values } else { values * update.kept };
    let denominator = second.clone().sqrt() / update.corrected2 + update.epsilon;
    [kept - first.clone() / denominator * update.rate, first, second]
}

/// Numbers to select by.
pub(crate) fn indices(values: impl Iterator<Item = i64>, device: &Device) -> Tensor<1, Int> {
    let values: Vec<i64> = values.collect();
    let length = values.len();
    Tensor::from_data(TensorData::new(values, [length]), device)
}
