//! Root-mean-square normalisation, one pass over each row.

use rayon::prelude::*;

use super::FlexTensor;
use super::linear::dims;
use super::real::{Real, block_rows, dot, sum_of, tensor, vector_fn};

/// `y = w · x / sqrt(mean(x²) + eps)`.
pub(crate) fn forward<T: Real>(x: &FlexTensor, weight: &FlexTensor, eps: f64) -> FlexTensor {
    let [rows, width] = dims(x);
    let (x, weight) = (T::values(x), T::values(weight));
    let mut y = vec![T::ZERO; rows * width];
    let block = block_rows(rows) * width;
    y.par_chunks_mut(block).zip(x.par_chunks(block)).for_each(|(y, x)| forward_rows(y, x, &weight, eps));
    tensor(y, [rows, width])
}

vector_fn! {
    fn forward_rows<'a, T>(y: &'a mut [T], x: &'a [T], weight: &'a [T], eps: f64) {
        let width = weight.len();
        for (y, x) in y.chunks_exact_mut(width).zip(x.chunks_exact(width)) {
            let inverse = inverse_root_mean_square(x, eps);
            for ((y, &x), &w) in y.iter_mut().zip(x).zip(weight) {
                *y = x * inverse * w;
            }
        }
    }
}

/// The gradient for `x`: with `n = x / rms`, `(w g − n · mean(w g n)) / rms`.
pub(crate) fn input_gradient<T: Real>(
    g: &FlexTensor,
    x: &FlexTensor,
    weight: &FlexTensor,
    eps: f64,
) -> FlexTensor {
    let [rows, width] = dims(x);
    let (g, x, weight) = (T::values(g), T::values(x), T::values(weight));
    let mut dx = vec![T::ZERO; rows * width];
    let block = block_rows(rows) * width;
    dx.par_chunks_mut(block)
        .zip(x.par_chunks(block))
        .zip(g.par_chunks(block))
        .for_each(|((dx, x), g)| gradient_rows(dx, x, g, &weight, eps));
    tensor(dx, [rows, width])
}

vector_fn! {
    fn gradient_rows<'a, T>(dx: &'a mut [T], x: &'a [T], g: &'a [T], weight: &'a [T], eps: f64) {
        let width = weight.len();
        let rows = dx.chunks_exact_mut(width).zip(x.chunks_exact(width)).zip(g.chunks_exact(width));
        for ((dx, x), g) in rows {
            let inverse = inverse_root_mean_square(x, eps);
            for ((dx, &g), &w) in dx.iter_mut().zip(g).zip(weight) {
                *dx = g * w;
            }
            let along = dot(dx, x) * inverse * inverse * T::from_f64(1.0 / width as f64);
            for (dx, &x) in dx.iter_mut().zip(x) {
                *dx = (*dx - x * along) * inverse;
            }
        }
    }
}

/// The gradient for the weight: `Σ_rows g x / rms`.
pub(crate) fn weight_gradient<T: Real>(g: &FlexTensor, x: &FlexTensor, eps: f64) -> FlexTensor {
    let [rows, width] = dims(x);
    let (g, x) = (T::values(g), T::values(x));
    let block = block_rows(rows) * width;
    let partial = |(g, x): (&[T], &[T])| {
        let mut sum = vec![T::ZERO; width];
        add_weight_gradient(&mut sum, g, x, eps);
        sum
    };
    let parts: Vec<Vec<T>> = g.par_chunks(block).zip(x.par_chunks(block)).map(partial).collect();
    let mut sum = vec![T::ZERO; width];
    for part in parts {
        sum.iter_mut().zip(part).for_each(|(sum, value)| *sum += value);
    }
    tensor(sum, [width])
}

vector_fn! {
    fn add_weight_gradient<'a, T>(sum: &'a mut [T], g: &'a [T], x: &'a [T], eps: f64) {
        let width = sum.len();
        for (g, x) in g.chunks_exact(width).zip(x.chunks_exact(width)) {
            let inverse = inverse_root_mean_square(x, eps);
            for ((sum, &g), &x) in sum.iter_mut().zip(g).zip(x) {
                *sum += g * x * inverse;
            }
        }
    }
}

#[inline(always)]
fn inverse_root_mean_square<T: Real>(x: &[T], eps: f64) -> T {
    let mean_square = sum_of(x, x, |a, b| a * b) * T::from_f64(1.0 / x.len() as f64);
    T::ONE / (mean_square + T::from_f64(eps)).root()
}
