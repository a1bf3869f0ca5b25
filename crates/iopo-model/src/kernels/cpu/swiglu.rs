//! The gated activation of the feed-forward part.

use rayon::prelude::*;

use super::FlexTensor;
use super::linear::dims;
use super::real::{Real, block_rows, tensor, vector_fn};

/// `silu(gate) · up`, with `silu(z) = z / (1 + exp(−z))`.
pub(crate) fn forward<T: Real>(gate: &FlexTensor, up: &FlexTensor) -> FlexTensor {
    let [rows, width] = dims(gate);
    let (gate, up) = (T::values(gate), T::values(up));
    let mut y = vec![T::ZERO; rows * width];
    let block = block_rows(rows) * width;
    y.par_chunks_mut(block)
        .zip(gate.par_chunks(block))
        .zip(up.par_chunks(block))
        .for_each(|((y, gate), up)| forward_values(y, gate, up));
    tensor(y, [rows, width])
}

vector_fn! {
    fn forward_values<'a, T>(y: &'a mut [T], gate: &'a [T], up: &'a [T]) {
        for ((y, &gate), &up) in y.iter_mut().zip(gate).zip(up) {
            *y = gate * sigmoid(gate) * up;
        }
    }
}

/// The gradients for gate and up: `g · up · σ (1 + gate (1 − σ))` and `g · gate · σ`.
pub(crate) fn gradients<T: Real>(
    g: &FlexTensor,
    gate: &FlexTensor,
    up: &FlexTensor,
) -> (FlexTensor, FlexTensor) {
    let [rows, width] = dims(gate);
    let (g, gate, up) = (T::values(g), T::values(gate), T::values(up));
    let (mut d_gate, mut d_up) = (vec![T::ZERO; rows * width], vec![T::ZERO; rows * width]);
    let block = block_rows(rows) * width;
    let outputs = d_gate.par_chunks_mut(block).zip(d_up.par_chunks_mut(block));
    let inputs = g.par_chunks(block).zip(gate.par_chunks(block)).zip(up.par_chunks(block));
    outputs
        .zip(inputs)
        .for_each(|((d_gate, d_up), ((g, gate), up))| gradient_values(d_gate, d_up, g, gate, up));
    (tensor(d_gate, [rows, width]), tensor(d_up, [rows, width]))
}

vector_fn! {
    fn gradient_values<'a, T>(
        d_gate: &'a mut [T],
        d_up: &'a mut [T],
        g: &'a [T],
        gate: &'a [T],
        up: &'a [T],
    ) {
        let outputs = d_gate.iter_mut().zip(d_up);
        for ((d_gate, d_up), ((&g, &gate), &up)) in outputs.zip(g.iter().zip(gate).zip(up)) {
            let sigmoid = sigmoid(gate);
            *d_gate = g * up * sigmoid * (T::ONE + gate * (T::ONE - sigmoid));
            *d_up = g * gate * sigmoid;
        }
    }
}

#[inline(always)]
fn sigmoid<T: Real>(x: T) -> T {
    T::ONE / (T::ONE + (-x).exponential())
}
