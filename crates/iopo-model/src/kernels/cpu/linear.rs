//! Products with a weight: `y = onto + scale · x Wᵀ`.

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use rayon::prelude::*;

use super::FlexTensor;
use super::real::{Real, block_rows, tensor, vector_fn};

/// `scale · x Wᵀ` added to `onto`: nothing, a vector for every row, or a matrix.
///
/// # Shapes
/// - `x`: `[rows, in]`, `weight`: `[out, in]`, `onto`: `[out]` or `[rows, out]`
pub(crate) fn forward<T: Real>(
    x: &FlexTensor,
    weight: &FlexTensor,
    onto: Option<FlexTensor>,
    scale: f64,
) -> FlexTensor {
    let [rows, inner] = dims(x);
    let out = dims(weight)[0];
    let (x, weight) = (T::values(x), T::values(weight));
    let factors = (&*x, &*weight);
    let scale = T::from_f64(scale);
    match onto {
        None => {
            let mut y = vec![T::ZERO; rows * out];
            rows_times_transposed(&mut y, factors, [inner, out], Accum::Replace, scale);
            tensor(y, [rows, out])
        }
        Some(mut onto) if onto.layout().num_dims() == 2 => {
            rows_times_transposed(T::values_mut(&mut onto), factors, [inner, out], Accum::Add, scale);
            onto
        }
        Some(bias) => {
            let mut y = T::values(&bias).repeat(rows);
            rows_times_transposed(&mut y, factors, [inner, out], Accum::Add, scale);
            tensor(y, [rows, out])
        }
    }
}

/// `scale · g W`: the gradient for `x`.
pub(crate) fn input_gradient<T: Real>(g: &FlexTensor, weight: &FlexTensor, scale: f64) -> FlexTensor {
    let [rows, out] = dims(g);
    let inner = dims(weight)[1];
    let (g, weight) = (T::values(g), T::values(weight));
    let mut dx = vec![T::ZERO; rows * inner];
    let block = block_rows(rows);
    dx.par_chunks_mut(block * inner).zip(g.par_chunks(block * out)).for_each(|(dx, g)| {
        let rows = g.len() / out;
        matmul(
            MatMut::from_row_major_slice_mut(dx, rows, inner),
            Accum::Replace,
            MatRef::from_row_major_slice(g, rows, out),
            MatRef::from_row_major_slice(&weight, out, inner),
            T::from_f64(scale),
            Par::Seq,
        );
    });
    tensor(dx, [rows, inner])
}

/// `scale · gᵀ x`: the gradient for the weight.
pub(crate) fn weight_gradient<T: Real>(g: &FlexTensor, x: &FlexTensor, scale: f64) -> FlexTensor {
    let ([rows, out], inner) = (dims(g), dims(x)[1]);
    let (g, x) = (T::values(g), T::values(x));
    let (g, x) = (MatRef::from_row_major_slice(&g, rows, out), MatRef::from_row_major_slice(&x, rows, inner));
    let mut dw = vec![T::ZERO; out * inner];
    let block = block_rows(out);
    dw.par_chunks_mut(block * inner).enumerate().for_each(|(index, dw)| {
        let outs = dw.len() / inner;
        matmul(
            MatMut::from_row_major_slice_mut(dw, outs, inner),
            Accum::Replace,
            g.subcols(index * block, outs).transpose(),
            x,
            T::from_f64(scale),
            Par::Seq,
        );
    });
    tensor(dw, [out, inner])
}

/// `Σ_rows g`: the gradient for a vector that is added to every row.
pub(crate) fn bias_gradient<T: Real>(g: &FlexTensor) -> FlexTensor {
    let out = dims(g)[1];
    let g = T::values(g);
    let mut sum = vec![T::ZERO; out];
    add_rows(&mut sum, &g);
    tensor(sum, [out])
}

vector_fn! {
    fn add_rows<'a, T>(sum: &'a mut [T], rows: &'a [T]) {
        for row in rows.chunks_exact(sum.len()) {
            for (sum, &value) in sum.iter_mut().zip(row) {
                *sum += value;
            }
        }
    }
}

fn rows_times_transposed<T: Real>(
    y: &mut [T],
    (x, weight): (&[T], &[T]),
    [inner, out]: [usize; 2],
    accum: Accum,
    scale: T,
) {
    let weight = MatRef::from_row_major_slice(weight, out, inner);
    let block = block_rows(x.len() / inner);
    let multiply = |y: &mut [T], x: &[T]| {
        let rows = x.len() / inner;
        matmul(
            MatMut::from_row_major_slice_mut(y, rows, out),
            accum,
            MatRef::from_row_major_slice(x, rows, inner),
            weight.transpose(),
            scale,
            Par::Seq,
        );
    };
    let least = least_rows(inner, out);
    y.par_chunks_mut(block * out).zip(x.par_chunks(block * inner)).for_each(|(y, x)| {
        if x.len() >= least * inner {
            return multiply(y, x);
        }
        let (mut more_y, mut more_x) = (y.to_vec(), x.to_vec());
        more_y.resize(least * out, T::ZERO);
        more_x.resize(least * inner, T::ZERO);
        multiply(&mut more_y, &more_x);
        y.copy_from_slice(&more_y[..y.len()]);
    });
}

/// Rows from which on a row of a product does not depend on how many there are.
///
/// faer multiplies a single row, and factors with few multiplications between them, by other loops
/// than the rest, which round in another order. With rows of zeros up to this number all products
/// go one way, and so a sequence's log-probs are the same to the bit in every batch.
///
/// # Source
/// faer 0.24, `linalg::matmul`: vectors, and `NANO_GEMM_THRESHOLD`.
fn least_rows(inner: usize, out: usize) -> usize {
    const FEW: usize = 16 * 16 * 16;
    (FEW / (inner * out).max(1) + 1).max(2)
}

/// The two sizes of a matrix.
pub(crate) fn dims(tensor: &FlexTensor) -> [usize; 2] {
    let shape = tensor.layout().shape();
    [shape[0], shape[1]]
}
