//! Keys and values that were computed before.

use burn::tensor::Tensor;

use super::error::GenerateError;
use crate::attention::{attend_segment, heads};
use crate::causal_lm::CausalLm;
use crate::cpu;
use crate::layout::TokenLayout;

/// Keys and values of the tokens that the sequences in flight hold so far, for every layer.
pub(crate) struct KvCache {
    pub(crate) layers: Vec<LayerCache>,
}

/// Sizes of one token's keys or values in a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KvShape {
    /// Number of key-value heads.
    #[cfg_attr(not(feature = "flex"), allow(dead_code, reason = "tensors carry it in their shapes"))]
    pub(crate) kv_heads: usize,
    /// Width of one head.
    pub(crate) head_dim: usize,
}

/// One layer's keys and values, sequence by sequence.
pub(crate) enum LayerCache {
    /// In the program's own memory.
    Cpu(cpu::KeyValues),
    /// As tensors.
    Tensors(TensorCache),
}

/// One layer's keys and values as tensors.
pub(crate) struct TensorCache {
    head_dim: usize,
    /// `[kv_heads, tokens, head_dim]` for each sequence.
    sequences: Vec<[Tensor<3>; 2]>,
}

impl KvCache {
    /// No sequences yet.
    pub(crate) fn new(model: &CausalLm) -> Self {
        let config = model.config();
        let shape = KvShape { kv_heads: config.num_key_value_heads, head_dim: config.head_dim };
        let weight = model.model.embed_tokens.weight.val();
        let layer = |_| match cpu::KeyValues::like(&weight, shape) {
            Some(kept) => LayerCache::Cpu(kept),
            None => LayerCache::Tensors(TensorCache::new(shape.head_dim)),
        };
        Self { layers: (0..config.num_hidden_layers).map(layer).collect() }
    }

    /// Drops the sequences for which `keep` is false; those behind them move up.
    pub(crate) fn retain(&mut self, keep: &[bool]) {
        for layer in &mut self.layers {
            match layer {
                LayerCache::Cpu(kept) => kept.retain(keep),
                LayerCache::Tensors(kept) => {
                    let mut keep = keep.iter();
                    kept.sequences.retain(|_| keep.next().copied().unwrap_or(false));
                }
            }
        }
    }
}

impl LayerCache {
    /// Adds a sequence for each segment of a layout, behind those that are there.
    ///
    /// # Shapes
    /// - `k`, `v`: `[tokens, kv_heads · head_dim]`
    pub(crate) fn admit(
        &mut self,
        k: &Tensor<2>,
        v: &Tensor<2>,
        layout: &TokenLayout,
    ) -> Result<(), GenerateError> {
        let lengths: Vec<usize> = layout.segments().iter().map(|segment| segment.range.len()).collect();
        match self {
            Self::Cpu(kept) => kept.admit(k, v, &lengths),
            Self::Tensors(kept) => {
                kept.admit(k, v, &lengths);
                Ok(())
            }
        }
    }

    /// Adds one token to every sequence.
    ///
    /// # Shapes
    /// - `k`, `v`: `[sequences, kv_heads · head_dim]`
    pub(crate) fn append(&mut self, k: &Tensor<2>, v: &Tensor<2>) -> Result<(), GenerateError> {
        match self {
            Self::Cpu(kept) => kept.append(k, v),
            Self::Tensors(kept) => {
                kept.append(k, v);
                Ok(())
            }
        }
    }

    /// Attention of the last token of each of the last sequences to all of its sequence.
    ///
    /// # Shapes
    /// - `q`, result: `[sequences, heads · head_dim]`, for as many sequences as there are rows
    pub(crate) fn attend(&self, q: &Tensor<2>) -> Result<Tensor<2>, GenerateError> {
        match self {
            Self::Cpu(kept) => kept.attend(q),
            Self::Tensors(kept) => Ok(kept.attend(q)),
        }
    }
}

impl TensorCache {
    pub(crate) fn new(head_dim: usize) -> Self {
        Self { head_dim, sequences: Vec::new() }
    }

    fn admit(&mut self, k: &Tensor<2>, v: &Tensor<2>, lengths: &[usize]) {
        let both = [k, v].map(|rows| heads(rows.clone(), self.head_dim));
        let mut start = 0;
        for &length in lengths {
            self.sequences.push(both.each_ref().map(|rows| rows.clone().narrow(1, start, length)));
            start += length;
        }
    }

    fn append(&mut self, k: &Tensor<2>, v: &Tensor<2>) {
        let [k, v] = [k, v].map(|rows| heads(rows.clone(), self.head_dim));
        for (index, [keys, values]) in self.sequences.iter_mut().enumerate() {
            for (kept, rows) in [(keys, &k), (values, &v)] {
                *kept = Tensor::cat(vec![kept.clone(), rows.clone().narrow(1, index, 1)], 1);
            }
        }
    }

    fn attend(&self, q: &Tensor<2>) -> Tensor<2> {
        let [rows, width] = q.dims();
        let sequences = &self.sequences[self.sequences.len() - rows..];
        let outputs = sequences.iter().enumerate().map(|(index, [k, v])| {
            let shape = [width / self.head_dim, 1, self.head_dim];
            attend_segment(q.clone().narrow(0, index, 1).reshape(shape), k.clone(), v.clone())
        });
        Tensor::cat(outputs.collect(), 0)
    }
}
