//! Updates of parameters, and sums of gradients, in f32: one pass over memory each.

use burn::backend::Flex;
use burn::tensor::{DType, Tensor};
use rayon::prelude::*;

use super::FlexTensor;
use super::real::Real;
use crate::kernels::device::AdamWUpdate;

/// Values in each of the blocks that threads work on.
const BLOCK: usize = 1 << 15;

/// Lets `change` work on the values of all tensors; a tensor with another owner is copied before it is
/// changed.
///
/// # Errors
/// The tensors as they were, where one of them is not f32 on the CPU.
pub(super) fn in_place<const N: usize>(
    tensors: [Tensor<1>; N],
    change: impl FnOnce([&mut FlexTensor; N]),
) -> Result<[Tensor<1>; N], [Tensor<1>; N]> {
    let Some(stored) = tensors.iter().map(stored).collect::<Option<Vec<_>>>() else {
        return Err(tensors);
    };
    let Ok(mut stored) = <[FlexTensor; N]>::try_from(stored) else {
        return Err(tensors);
    };
    // These handles would count as owners.
    drop(tensors);
    change(stored.each_mut());
    Ok(stored.map(Tensor::from_primitive::<Flex>))
}

fn stored(tensor: &Tensor<1>) -> Option<FlexTensor> {
    let on_cpu = tensor.clone().without_autodiff().try_into_primitive::<Flex>().ok();
    on_cpu.filter(|_| tensor.dtype() == DType::F32)
}

/// See [`AdamWUpdate`]; the gradient is not changed.
pub(super) fn adamw(update: &AdamWUpdate, [values, gradient, first, second]: [&mut FlexTensor; 4]) {
    let (beta1, beta2) = (update.beta1 as f32, update.beta2 as f32);
    let (share1, share2) = ((1.0 - update.beta1) as f32, (1.0 - update.beta2) as f32);
    let (kept, corrected2, epsilon, rate) =
        (update.kept as f32, update.corrected2 as f32, update.epsilon as f32, update.rate as f32);
    let gradient = f32::values(gradient);
    let moments = [first, second].map(|moment| f32::values_mut(moment).par_chunks_mut(BLOCK));
    let [first, second] = moments;
    let all = f32::values_mut(values).par_chunks_mut(BLOCK).zip(first.zip(second));
    all.zip(gradient.par_chunks(BLOCK)).for_each(|((values, (first, second)), gradient)| {
        for (((value, m), v), &g) in values.iter_mut().zip(first).zip(second).zip(gradient) {
            *m = *m * beta1 + g * share1;
            *v = *v * beta2 + g * g * share2;
            *value = *value * kept - *m / (v.sqrt() / corrected2 + epsilon) * rate;
        }
    });
}

/// `a ← a + b`.
pub(super) fn add([a, b]: [&mut FlexTensor; 2]) {
    let b = f32::values(b);
    let blocks = f32::values_mut(a).par_chunks_mut(BLOCK).zip(b.par_chunks(BLOCK));
    blocks.for_each(|(a, b)| a.iter_mut().zip(b).for_each(|(a, &b)| *a += b));
}

/// `x ← factor · x`.
pub(super) fn scale([x]: [&mut FlexTensor; 1], factor: f32) {
    f32::values_mut(x).par_chunks_mut(BLOCK).for_each(|x| x.iter_mut().for_each(|x| *x *= factor));
}

/// `Σ x²`, in f64 and in blocks whose sums are added in order, on any number of threads.
pub(super) fn sum_of_squares(x: &Tensor<1>) -> Option<f64> {
    /// Sums side by side, so that additions become vector instructions.
    const LANES: usize = 16;
    let block = |values: &[f32]| {
        let mut lanes = [0.0; LANES];
        for chunk in values.chunks(LANES) {
            for (lane, &value) in lanes.iter_mut().zip(chunk) {
                *lane += f64::from(value) * f64::from(value);
            }
        }
        lanes.iter().sum::<f64>()
    };
    let stored = stored(x)?;
    Some(f32::values(&stored).par_chunks(BLOCK).map(block).collect::<Vec<_>>().iter().sum())
}
