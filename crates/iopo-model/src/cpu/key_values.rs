//! Keys and values of sequences that grow by a token at a time, and attention of their last tokens.

use burn::tensor::{DType, Tensor};
use rayon::prelude::*;

use super::linear::dims;
use super::real::{LANES, Real, exponentials, tensor, vector_fn};
use super::{Flex, FlexTensor, applies};
use crate::generation::{GenerateError, KvShape};

/// One layer's keys and values, sequence by sequence, in the program's own memory.
pub(crate) enum KeyValues {
    F32(Sequences<f32>),
    F64(Sequences<f64>),
}

/// Does the same with either float type.
macro_rules! typed {
    ($of:expr, $sequences:ident => $result:expr) => {
        match $of {
            KeyValues::F32($sequences) => $result,
            KeyValues::F64($sequences) => $result,
        }
    };
}

impl KeyValues {
    /// No sequences yet, if the kernels apply to tensors like this one.
    pub(crate) fn like(tensor: &Tensor<2>, shape: KvShape) -> Option<Self> {
        applies(tensor, []).then(|| match tensor.dtype() {
            DType::F64 => Self::F64(Sequences { shape, all: Vec::new() }),
            _ => Self::F32(Sequences { shape, all: Vec::new() }),
        })
    }

    /// Adds sequences of these lengths behind those that are there.
    ///
    /// # Shapes
    /// - `k`, `v`: `[tokens, kv_heads · head_dim]`
    pub(crate) fn admit(
        &mut self,
        k: &Tensor<2>,
        v: &Tensor<2>,
        lengths: &[usize],
    ) -> Result<(), GenerateError> {
        let (k, v) = (flex(k)?, flex(v)?);
        typed!(self, sequences => sequences.admit(&k, &v, lengths));
        Ok(())
    }

    /// Adds one token to every sequence.
    ///
    /// # Shapes
    /// - `k`, `v`: `[sequences, kv_heads · head_dim]`
    pub(crate) fn append(&mut self, k: &Tensor<2>, v: &Tensor<2>) -> Result<(), GenerateError> {
        let (k, v) = (flex(k)?, flex(v)?);
        typed!(self, sequences => sequences.append(&k, &v));
        Ok(())
    }

    /// Attention of the last token of each of the last sequences to all of its sequence.
    ///
    /// # Shapes
    /// - `q`, result: `[sequences, heads · head_dim]`, for as many sequences as there are rows
    pub(crate) fn attend(&self, q: &Tensor<2>) -> Result<Tensor<2>, GenerateError> {
        let q = flex(q)?;
        Ok(Tensor::from_primitive::<Flex>(typed!(self, sequences => sequences.attend(&q))))
    }

    /// Drops the sequences for which `keep` is false.
    pub(crate) fn retain(&mut self, keep: &[bool]) {
        let mut keep = keep.iter();
        typed!(self, sequences => sequences.all.retain(|_| keep.next().copied().unwrap_or(false)));
    }
}

fn flex(tensor: &Tensor<2>) -> Result<FlexTensor, GenerateError> {
    tensor
        .clone()
        .try_into_primitive::<Flex>()
        .map_err(|error| GenerateError::Device { reason: format!("{error:?}") })
}

pub(crate) struct Sequences<T> {
    shape: KvShape,
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
    /// Tokens that there is room for, a multiple of [`BLOCK`].
    capacity: usize,
}

/// Tokens whose scores are computed side by side.
const BLOCK: usize = 32;

impl<T: Real> Sequences<T> {
    fn admit(&mut self, k: &FlexTensor, v: &FlexTensor, lengths: &[usize]) {
        let width = dims(k)[1];
        let (k, v) = (T::values(k), T::values(v));
        let mut start = 0;
        for length in lengths {
            let rows = start * width..(start + length) * width;
            let mut sequence = Sequence::with_room(width, *length);
            sequence.extend(&k[rows.clone()], &v[rows], width);
            self.all.push(sequence);
            start += length;
        }
    }

    fn append(&mut self, k: &FlexTensor, v: &FlexTensor) {
        let width = dims(k)[1];
        let (k, v) = (T::values(k), T::values(v));
        let rows = k.chunks_exact(width).zip(v.chunks_exact(width));
        for (sequence, (k, v)) in self.all.iter_mut().zip(rows) {
            sequence.extend(k, v, width);
        }
    }

    fn attend(&self, q: &FlexTensor) -> FlexTensor {
        /// Keys that a thread should at least have to look at.
        const KEYS: usize = 2_048;
        let [rows, width] = dims(q);
        let KvShape { kv_heads, head_dim } = self.shape;
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
                    scores,
                );
            });
        tensor(output, [rows, width])
    }
}

impl<T: Real> Sequence<T> {
    /// Empty, with room for so many tokens and a few more.
    fn with_room(width: usize, tokens: usize) -> Self {
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

    /// Makes room for so many tokens, and for a quarter more, so that a token costs a few copies only.
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
    /// `softmax(q kᵀ / sqrt(head_dim)) v` for the query heads of one key-value head.
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
        scores: &'a mut [T],
    ) {
        let [start, head_dim, width, tokens] = sizes;
        let capacity = scores.len();
        let scale = T::from_f64((head_dim as f64).sqrt().recip());
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
