//! Attention over a tree of segments, and with a key-value cache.

use std::ops::Range;

use burn::tensor::{Bool, Device, FloatDType, Tensor};

use super::softmax::softmax;
use crate::kernels::device::{DeviceError, Heads, KeyValues};
use crate::layout::TokenLayout;
use crate::precision::accumulation;

pub(crate) fn attend(qkv: [Tensor<2>; 3], layout: &TokenLayout, heads: Heads) -> Tensor<2> {
    let [q, k, v] = qkv.map(|x| by_head(x, heads.width));
    let outputs = (0..layout.segments().len())
        .map(|segment| {
            let own = layout.segments()[segment].range.clone();
            let mut visible = layout.ancestors(segment);
            visible.push(own.clone());
            attend_segment(
                q.clone().narrow(1, own.start, own.len()),
                gather(&k, &visible),
                gather(&v, &visible),
                heads.scale,
            )
        })
        .collect();
    Tensor::cat(outputs, 0)
}

/// One matrix for each head.
///
/// # Shapes
/// - `x`: `[tokens, heads · width]`
/// - result: `[heads, tokens, width]`
fn by_head(x: Tensor<2>, width: usize) -> Tensor<3> {
    let [tokens, total] = x.dims();
    x.reshape([tokens, total / width, width]).swap_dims(0, 1)
}

/// Attention of the last `n` of `m` visible tokens.
///
/// # Shapes
/// - `q`: `[heads, n, width]`
/// - `k`, `v`: `[kv_heads, m, width]`
/// - result: `[n, heads · width]`
fn attend_segment(q: Tensor<3>, k: Tensor<3>, v: Tensor<3>, scale: f64) -> Tensor<2> {
    let ([heads, n, width], [kv_heads, m, _]) = (q.dims(), k.dims());
    let group = heads / kv_heads;
    // The query heads of a group stand below one another, so that keys need no repeating.
    let q = q.reshape([kv_heads, group * n, width]);
    let scores = q.matmul(k.transpose()) * scale;
    let dtype = scores.dtype();
    let scores = scores
        .cast(accumulation(dtype))
        .reshape([kv_heads, group, n, m])
        .mask_fill(causal_mask(n, m, &v.device()), f64::NEG_INFINITY);
    let weights = softmax(scores).cast(FloatDType::from(dtype)).reshape([kv_heads, group * n, m]);
    weights.matmul(v).reshape([heads, n, width]).swap_dims(0, 1).reshape([n, heads * width])
}

/// The visible keys or values, joined along the tokens.
fn gather(all: &Tensor<3>, ranges: &[Range<usize>]) -> Tensor<3> {
    let parts = ranges.iter().map(|range| all.clone().narrow(1, range.start, range.len())).collect();
    Tensor::cat(parts, 1)
}

/// True where the i-th of the last `n` tokens must not see the j-th of all `m`: `j > i + m - n`.
fn causal_mask(n: usize, m: usize, device: &Device) -> Tensor<4, Bool> {
    Tensor::<2, Bool>::tril_mask([n, m], (m - n) as i64, &device.clone().without_autodiff()).unsqueeze()
}

/// One layer's keys and values as tensors.
pub(crate) struct TensorKeyValues {
    heads: Heads,
    /// `[kv_heads, tokens, width]` for each sequence.
    sequences: Vec<[Tensor<3>; 2]>,
}

impl TensorKeyValues {
    pub(crate) fn new(heads: Heads) -> Self {
        Self { heads, sequences: Vec::new() }
    }
}

impl KeyValues for TensorKeyValues {
    fn admit(&mut self, k: &Tensor<2>, v: &Tensor<2>, lengths: &[usize]) -> Result<(), DeviceError> {
        let both = [k, v].map(|rows| by_head(rows.clone(), self.heads.width));
        let mut start = 0;
        for &length in lengths {
            self.sequences.push(both.each_ref().map(|rows| rows.clone().narrow(1, start, length)));
            start += length;
        }
        Ok(())
    }

    fn append(&mut self, k: &Tensor<2>, v: &Tensor<2>) -> Result<(), DeviceError> {
        let [k, v] = [k, v].map(|rows| by_head(rows.clone(), self.heads.width));
        for (index, [keys, values]) in self.sequences.iter_mut().enumerate() {
            for (kept, rows) in [(keys, &k), (values, &v)] {
                *kept = Tensor::cat(vec![kept.clone(), rows.clone().narrow(1, index, 1)], 1);
            }
        }
        Ok(())
    }

    fn attend(&self, q: &Tensor<2>) -> Result<Tensor<2>, DeviceError> {
        let ([rows, total], width) = (q.dims(), self.heads.width);
        let sequences = &self.sequences[self.sequences.len() - rows..];
        let outputs = sequences.iter().enumerate().map(|(index, [k, v])| {
            let q = q.clone().narrow(0, index, 1).reshape([total / width, 1, width]);
            attend_segment(q, k.clone(), v.clone(), self.heads.scale)
        });
        Ok(Tensor::cat(outputs.collect(), 0))
    }

    fn retain(&mut self, keep: &[bool]) {
        let mut keep = keep.iter();
        self.sequences.retain(|_| keep.next().copied().unwrap_or(false));
    }
}
