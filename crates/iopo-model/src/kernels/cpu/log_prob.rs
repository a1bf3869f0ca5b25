//! Log-probs of target tokens from scores over the vocabulary.

use rayon::prelude::*;

use super::FlexTensor;
use super::linear::dims;
use super::real::{Real, block_rows, exponentials, largest, sum_of, tensor, vector_fn};

/// `z[target] − log Σ_v exp z[v]` for each row of scores.
pub(crate) fn forward<T: Real>(scores: &FlexTensor, targets: &[u32]) -> FlexTensor {
    let [rows, width] = dims(scores);
    let scores = T::values(scores);
    let mut log_probs = vec![T::ZERO; rows];
    let block = block_rows(rows);
    log_probs
        .par_chunks_mut(block)
        .zip(scores.par_chunks(block * width))
        .zip(targets.par_chunks(block))
        .for_each(|((log_probs, scores), targets)| forward_rows(log_probs, scores, width, targets));
    tensor(log_probs, [rows])
}

vector_fn! {
    fn forward_rows<'a, T>(log_probs: &'a mut [T], scores: &'a [T], width: usize, targets: &'a [u32]) {
        let rows = scores.chunks_exact(width).zip(targets);
        for (log_prob, (row, &target)) in log_probs.iter_mut().zip(rows) {
            let top = largest(row);
            *log_prob = row[target as usize] - top - sum_of(row, row, |z, _| (z - top).exponential()).ln();
        }
    }
}

/// The gradient for the scores: `g (1[v = target] − softmax(z)[v])`, in place where the scores
/// have no other owner.
pub(crate) fn gradient<T: Real>(g: &FlexTensor, mut scores: FlexTensor, targets: &[u32]) -> FlexTensor {
    let [_, width] = dims(&scores);
    let g = T::values(g);
    let block = block_rows(g.len());
    let values = T::values_mut(&mut scores);
    values
        .par_chunks_mut(block * width)
        .zip(targets.par_chunks(block))
        .zip(g.par_chunks(block))
        .for_each(|((scores, targets), g)| gradient_rows(scores, width, targets, g));
    scores
}

vector_fn! {
    fn gradient_rows<'a, T>(scores: &'a mut [T], width: usize, targets: &'a [u32], g: &'a [T]) {
        for ((row, &target), &g) in scores.chunks_exact_mut(width).zip(targets).zip(g) {
            let scale = -g / exponentials(row);
            for z in row.iter_mut() {
                *z *= scale;
            }
            row[target as usize] += g;
        }
    }
}
