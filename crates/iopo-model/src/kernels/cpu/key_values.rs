//! Keys and values of sequences that grow by a token at a time, and attention of their last tokens.

use burn::backend::Flex;
use burn::tensor::{DType, Tensor};
use rayon::prelude::*;

use super::FlexTensor;
use super::linear::dims;
use super::real::{LANES, Real, exponentials, tensor, vector_fn};
use crate::kernels::device::{DeviceError, Heads, KeyValues};

/// A cache without sequences, of this float type.
pub(crate) fn new(dtype: DType, heads: Heads) -> Box<dyn KeyValues> {
    match dtype {
        DType::F64 => Box::new(Sequences::<f64> { heads, all: Vec::new() }),
        _ => Box::new(Sequences::<f32> { heads, all: Vec::new() }),
    }
}

impl<T: Real> KeyValues for Sequences<T> {
    fn admit(&mut self, k: &Tensor<2>, v: &Tensor<2>, lengths: &[usize]) -> Result<(), DeviceError> {
        let (k, v) = (flex(k)?, flex(v)?);
        let width = dims(&k)[1];
        let (k, v) = (T::values(&k), T::values(&v));
        let mut start = 0;
        for length in lengths {
            let rows = start * width..(start + length) * width;
            let mut sequence = Sequence::with_capacity(width, *length);
            sequence.extend(&k[rows.clone()], &v[rows], width);
            self.all.push(sequence);
            start += length;
        }
        Ok(())
    }

    fn append(&mut self, k: &Tensor<2>, v: &Tensor<2>) -> Result<(), DeviceError> {
        let (k, v) = (flex(k)?, flex(v)?);
        let width = dims(&k)[1];
        let (k, v) = (T::values(&k), T::values(&v));
        let rows = k.chunks_exact(width).zip(v.chunks_exact(width));
        for (sequence, (k, v)) in self.all.iter_mut().zip(rows) {
            sequence.extend(k, v, width);
        }
        Ok(())
    }

    fn attend(&self, q: &Tensor<2>) -> Result<Tensor<2>, DeviceError> {
        Ok(Tensor::from_primitive::<Flex>(self.attend_last(&flex(q)?)))
    }

    fn retain(&mut self, keep: &[bool]) {
        let mut keep = keep.iter();
        self.all.retain(|_| keep.next().copied().unwrap_or(false));
    }
}

fn flex(tensor: &Tensor<2>) -> Result<FlexTensor, DeviceError> {
    let values = tensor.clone().try_into_primitive::<Flex>();
    values.map_err(|error| DeviceError::new(format!("{error:?}")))
}

/// One layer's keys and values, sequence by sequence, in the program's own memory.
pub(crate) struct Sequences<T> {
    heads: Heads,
    all: Vec<Sequence<T>>,
}

/// Keys lie feature by feature, tokens side by side, so that the scores of many tokens are one loop
/// over memory; values lie token by token, so that their weighted sum is.
struct Sequence<T> {
    /// `[kv_heads · head_dim, capacity]`.
    keys: Vec<T>,
    /// `[tokens, kv_heads · head_dim]`.
    values: Vec<T>,
    tokens: usize,
    /// Tokens that fit, a multiple of [`BLOCK`].
    capacity: usize,
}

/// Tokens whose scores are computed side by side.
const BLOCK: usize = 32;

impl<T: Real> Sequences<T> {
    /// Attention of the last token of each of the last sequences to all of its sequence.
    fn attend_last(&self, q: &FlexTensor) -> FlexTensor {
        /// The fewest keys for which a thread is worthwhile.
        const KEYS: usize = 2_048;
        let [rows, width] = dims(q);
        let Heads { key_value: kv_heads, width: head_dim, scale } = self.heads;
        let scale = T::from_f64(scale);
        let q = T::values(q);
        let sequences = &self.all[self.all.len() - rows..];
        let tokens: usize = sequences.iter().map(|sequence| sequence.tokens).sum();
        let mut output = vec![T::ZERO; rows * width];
        let piece = width / kv_heads;
        output
            .par_chunks_mut(piece)
            .zip(q.par_chunks(piece))
            .enumerate()
            .with_min_len((KEYS * rows / tokens.max(1)).max(1))
            .for_each_init(Vec::new, |scores, (index, (output, q))| {
                let (sequence, head) = (&sequences[index / kv_heads], index % kv_heads);
                let keys = head_dim * sequence.capacity;
                scores.resize(sequence.capacity, T::ZERO);
                attend_head(
                    output,
                    q,
                    &sequence.keys[head * keys..][..keys],
                    &sequence.values,
                    [head * head_dim, head_dim, kv_heads * head_dim, sequence.tokens],
                    scale,
                    scores,
                );
            });
        tensor(output, [rows, width])
    }
}

impl<T: Real> Sequence<T> {
    /// Without tokens, with capacity for this many and a few more.
    fn with_capacity(width: usize, tokens: usize) -> Self {
        let capacity = (tokens + 1).next_multiple_of(BLOCK);
        let values = Vec::with_capacity(capacity * width);
        Self { keys: vec![T::ZERO; capacity * width], values, tokens: 0, capacity }
    }

    /// Adds tokens, row by row.
    fn extend(&mut self, keys: &[T], values: &[T], width: usize) {
        let tokens = values.len() / width;
        if self.tokens + tokens > self.capacity {
            self.grow(self.tokens + tokens, width);
        }
        self.values.extend_from_slice(values);
        for (token, row) in keys.chunks_exact(width).enumerate() {
            for (feature, &value) in row.iter().enumerate() {
                self.keys[feature * self.capacity + self.tokens + token] = value;
            }
        }
        self.tokens += tokens;
    }

    /// Grows the capacity to this many tokens and a quarter more, so that a token costs few copies.
    fn grow(&mut self, tokens: usize, width: usize) {
        let capacity = (tokens + tokens / 4).next_multiple_of(BLOCK);
        let mut keys = vec![T::ZERO; capacity * width];
        for (new, old) in keys.chunks_exact_mut(capacity).zip(self.keys.chunks_exact(self.capacity)) {
            new[..self.tokens].copy_from_slice(&old[..self.tokens]);
        }
        self.keys = keys;
        self.values.reserve_exact(capacity * width - self.values.len());
        self.capacity = capacity;
    }
}

vector_fn! {
    /// `softmax(scale · q kᵀ) v` for the query heads of one key-value head.
    ///
    /// # Shapes
    /// - `output`, `queries`: `[group, head_dim]`; `keys`: `[head_dim, capacity]`
    /// - `values`: `[tokens, width]`, of which the head's part begins at `start`
    /// - `scores`: `[capacity]`, to be written to
    fn attend_head<'a, T>(
        output: &'a mut [T],
        queries: &'a [T],
        keys: &'a [T],
        values: &'a [T],
        sizes: [usize; 4],
        scale: T,
        scores: &'a mut [T],
    ) {
        let [start, head_dim, width, tokens] = sizes;
        let capacity = scores.len();
        for (output, query) in output.chunks_exact_mut(head_dim).zip(queries.chunks_exact(head_dim)) {
            let needed = tokens.next_multiple_of(BLOCK);
            for (block, scores) in scores[..needed].chunks_exact_mut(BLOCK).enumerate() {
                let mut sums = [T::ZERO; BLOCK];
                for (&q, keys) in query.iter().zip(keys.chunks_exact(capacity)) {
                    let keys = &keys[block * BLOCK..][..BLOCK];
                    for lane in 0..BLOCK {
                        sums[lane] += q * keys[lane];
                    }
                }
                for lane in 0..BLOCK {
                    scores[lane] = sums[lane] * scale;
                }
            }
            let weights = &mut scores[..tokens];
            let total = T::ONE / exponentials(weights);
            let mut pieces = output.chunks_exact_mut(LANES);
            let mut place = start;
            for piece in &mut pieces {
                let mut sums = [T::ZERO; LANES];
                for (&weight, row) in weights.iter().zip(values.chunks_exact(width)) {
                    let row = &row[place..][..LANES];
                    for lane in 0..LANES {
                        sums[lane] += weight * row[lane];
                    }
                }
                for lane in 0..LANES {
                    piece[lane] = sums[lane] * total;
                }
                place += LANES;
            }
            for (offset, output) in pieces.into_remainder().iter_mut().enumerate() {
                let rows = values.chunks_exact(width);
                let sum: T = weights.iter().zip(rows).map(|(&p, row)| p * row[place + offset]).sum();
                *output = sum * total;
            }
        }
    }
}
