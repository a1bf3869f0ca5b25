//! Causal self-attention over segments, with grouped key-value heads.

use std::ops::Range;

use burn::module::Module;
use burn::tensor::{Bool, FloatDType, Tensor};

use crate::layout::TokenLayout;
use crate::linear::LoraLinear;
use crate::precision::accumulation;
use crate::rope::RotaryEmbedding;
use crate::softmax::softmax;

/// Self-attention in which several query heads share one key-value head.
///
/// # Source
/// Ainslie et al. 2023 (GQA); Vaswani et al. 2017, Eq. 1.
#[derive(Module, Debug)]
pub struct GroupedQueryAttention {
    /// `[heads · head_dim, hidden]`.
    pub q_proj: LoraLinear,
    /// `[kv_heads · head_dim, hidden]`.
    pub k_proj: LoraLinear,
    /// `[kv_heads · head_dim, hidden]`.
    pub v_proj: LoraLinear,
    /// `[hidden, heads · head_dim]`.
    pub o_proj: LoraLinear,
    /// Number of query heads.
    pub num_heads: usize,
    /// Number of key-value heads.
    pub num_key_value_heads: usize,
    /// Width of one head.
    pub head_dim: usize,
}

impl GroupedQueryAttention {
    /// Attends within each segment and to its ancestors.
    ///
    /// ```text
    /// softmax(q kᵀ / sqrt(head_dim) + mask) v
    /// ```
    ///
    /// # Shapes
    /// - `x`, result: `[tokens, hidden]`
    #[must_use]
    pub fn forward(&self, x: Tensor<2>, rope: &RotaryEmbedding, layout: &TokenLayout) -> Tensor<2> {
        let tokens = x.dims()[0];
        let heads = |y: Tensor<2>, heads: usize| y.reshape([tokens, heads, self.head_dim]);
        let q = rope.rotate(heads(self.q_proj.forward(x.clone()), self.num_heads));
        let k = rope.rotate(heads(self.k_proj.forward(x.clone()), self.num_key_value_heads));
        let v = heads(self.v_proj.forward(x), self.num_key_value_heads);
        // `[heads, tokens, head_dim]`: one matrix a head.
        let (q, k, v) = (q.swap_dims(0, 1), k.swap_dims(0, 1), v.swap_dims(0, 1));

        let outputs = (0..layout.segments().len())
            .map(|segment| {
                let own = layout.segments()[segment].range.clone();
                let mut visible = layout.ancestors(segment);
                visible.push(own.clone());
                self.segment(
                    q.clone().narrow(1, own.start, own.len()),
                    gather(&k, &visible),
                    gather(&v, &visible),
                )
            })
            .collect();
        self.o_proj.forward(Tensor::cat(outputs, 0))
    }

    /// Attention of the last `n` of `m` visible tokens.
    ///
    /// # Shapes
    /// - `q`: `[heads, n, head_dim]`
    /// - `k`, `v`: `[kv_heads, m, head_dim]`
    /// - result: `[n, heads · head_dim]`
    fn segment(&self, q: Tensor<3>, k: Tensor<3>, v: Tensor<3>) -> Tensor<2> {
        let (n, m) = (q.dims()[1], k.dims()[1]);
        let group = self.num_heads / self.num_key_value_heads;
        // The query heads of a group stand below one another, so that keys need no repeating.
        let q = q.reshape([self.num_key_value_heads, group * n, self.head_dim]);
        let scores = q.matmul(k.transpose()) * (self.head_dim as f64).sqrt().recip();
        let dtype = scores.dtype();
        let scores = scores
            .cast(accumulation(dtype))
            .reshape([self.num_key_value_heads, group, n, m])
            .mask_fill(causal_mask(n, m, &v.device()), f64::NEG_INFINITY);
        let weights =
            softmax(scores).cast(FloatDType::from(dtype)).reshape([self.num_key_value_heads, group * n, m]);
        weights
            .matmul(v)
            .reshape([self.num_heads, n, self.head_dim])
            .swap_dims(0, 1)
            .reshape([n, self.num_heads * self.head_dim])
    }
}

/// The visible keys or values, joined along the tokens.
fn gather(all: &Tensor<3>, ranges: &[Range<usize>]) -> Tensor<3> {
    let parts = ranges.iter().map(|range| all.clone().narrow(1, range.start, range.len())).collect();
    Tensor::cat(parts, 1)
}

/// True where the i-th of the last `n` tokens must not see the j-th of all `m`: `j > i + m - n`.
fn causal_mask(n: usize, m: usize, device: &burn::tensor::Device) -> Tensor<4, Bool> {
    Tensor::<2, Bool>::tril_mask([n, m], (m - n) as i64, &device.clone().without_autodiff()).unsqueeze()
}
