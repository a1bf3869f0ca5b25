//! Rotation of query and key heads.

use rayon::prelude::*;

use super::FlexTensor;
use super::linear::dims;
use super::real::{Real, block_rows, tensor, vector_fn};

/// Rotates the pairs `(x_i, x_{i + half})` of every head by the angle whose cosine and sine are given.
///
/// The gradient is the rotation back, `sine_sign` −1.
///
/// # Shapes
/// - `x`, result: `[tokens, heads · 2 · half]`; `cos`, `sin`: `tokens · half` values
pub(crate) fn rotate<T: Real>(
    x: &FlexTensor,
    cos: &FlexTensor,
    sin: &FlexTensor,
    sine_sign: f64,
) -> FlexTensor {
    let [tokens, width] = dims(x);
    let half = cos.layout().num_elements() / tokens;
    let (x, cos, sin) = (T::values(x), T::values(cos), T::values(sin));
    let sign = T::from_f64(sine_sign);
    let mut y = vec![T::ZERO; tokens * width];
    let block = block_rows(tokens);
    let tables = cos.par_chunks(block * half).zip(sin.par_chunks(block * half));
    y.par_chunks_mut(block * width)
        .zip(x.par_chunks(block * width))
        .zip(tables)
        .for_each(|((y, x), (cos, sin))| rotate_rows([width, half], y, x, cos, sin, sign));
    tensor(y, [tokens, width])
}

vector_fn! {
    fn rotate_rows<'a, T>(
        sizes: [usize; 2],
        y: &'a mut [T],
        x: &'a [T],
        cos: &'a [T],
        sin: &'a [T],
        sign: T,
    ) {
        let [width, half] = sizes;
        let tables = cos.chunks_exact(half).zip(sin.chunks_exact(half));
        for ((y, x), (cos, sin)) in y.chunks_exact_mut(width).zip(x.chunks_exact(width)).zip(tables) {
            for (y, x) in y.chunks_exact_mut(2 * half).zip(x.chunks_exact(2 * half)) {
                let ((y1, y2), (x1, x2)) = (y.split_at_mut(half), x.split_at(half));
                for i in 0..half {
                    let sin = sin[i] * sign;
                    y1[i] = x1[i] * cos[i] - x2[i] * sin;
                    y2[i] = x2[i] * cos[i] + x1[i] * sin;
                }
            }
        }
    }
}
