//! Causal self-attention over segments, with grouped key-value heads.

use std::ops::Range;

use burn::module::Module;
use burn::tensor::{Bool, FloatDType, Tensor};

use crate::cpu;
use crate::layout::TokenLayout;
use crate::linear::{Input, LoraLinear};
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
        let attended = self.attend(&Input::kept(x), rope, layout);
        self.o_proj.forward(attended)
    }

    /// Attends, and adds the result to `onto`.
    pub(crate) fn apply(
        &self,
        x: &Input,
        onto: Tensor<2>,
        rope: &RotaryEmbedding,
        layout: &TokenLayout,
    ) -> Tensor<2> {
        let attended = Input::kept(self.attend(x, rope, layout));
        self.o_proj.apply(&attended, Some(onto))
    }

    /// The heads' outputs side by side, `[tokens, heads · head_dim]`.
    fn attend(&self, x: &Input, rope: &RotaryEmbedding, layout: &TokenLayout) -> Tensor<2> {
        let q = self.queries(x, rope);
        let (k, v) = self.keys_and_values(x, rope);
        self.attend_segments([q, k, v], layout)
    }

    /// Queries, turned to their positions: `[tokens, heads · head_dim]`.
    pub(crate) fn queries(&self, x: &Input, rope: &RotaryEmbedding) -> Tensor<2> {
        rope.rotate(self.q_proj.apply(x, None))
    }

    /// Keys, turned to their positions, and values: `[tokens, kv_heads · head_dim]` each.
    pub(crate) fn keys_and_values(&self, x: &Input, rope: &RotaryEmbedding) -> (Tensor<2>, Tensor<2>) {
        (rope.rotate(self.k_proj.apply(x, None)), self.v_proj.apply(x, None))
    }

    /// Attention of every token to what its segment sees.
    ///
    /// # Shapes
    /// - `q`, result: `[tokens, heads · head_dim]`; `k`, `v`: `[tokens, kv_heads · head_dim]`
    pub(crate) fn attend_segments(&self, [q, k, v]: [Tensor<2>; 3], layout: &TokenLayout) -> Tensor<2> {
        let (kv_heads, head_dim) = (self.num_key_value_heads, self.head_dim);
        cpu::attend([&q, &k, &v], layout, kv_heads, head_dim)
            .unwrap_or_else(|| attend_by_tensors([q, k, v], layout, head_dim))
    }
}

/// Attention of every token to what its segment sees.
///
/// # Shapes
/// - `q`, result: `[tokens, heads · head_dim]`; `k`, `v`: `[tokens, kv_heads · head_dim]`
pub(crate) fn attend_by_tensors(
    [q, k, v]: [Tensor<2>; 3],
    layout: &TokenLayout,
    head_dim: usize,
) -> Tensor<2> {
    let [q, k, v] = [q, k, v].map(|x| heads(x, head_dim));
    let outputs = (0..layout.segments().len())
        .map(|segment| {
            let own = layout.segments()[segment].range.clone();
            let mut visible = layout.ancestors(segment);
            visible.push(own.clone());
            attend_segment(
                q.clone().narrow(1, own.start, own.len()),
                gather(&k, &visible),
                gather(&v, &visible),
            )
        })
        .collect();
    Tensor::cat(outputs, 0)
}

/// One matrix for each head.
///
/// # Shapes
/// - `x`: `[tokens, heads · head_dim]`
/// - result: `[heads, tokens, head_dim]`
pub(crate) fn heads(x: Tensor<2>, head_dim: usize) -> Tensor<3> {
    let [tokens, width] = x.dims();
    x.reshape([tokens, width / head_dim, head_dim]).swap_dims(0, 1)
}

/// Attention of the last `n` of `m` visible tokens.
///
/// # Shapes
/// - `q`: `[heads, n, head_dim]`
/// - `k`, `v`: `[kv_heads, m, head_dim]`
/// - result: `[n, heads · head_dim]`
pub(crate) fn attend_segment(q: Tensor<3>, k: Tensor<3>, v: Tensor<3>) -> Tensor<2> {
    let ([heads, n, head_dim], [kv_heads, m, _]) = (q.dims(), k.dims());
    let group = heads / kv_heads;
    // The query heads of a group stand below one another, so that keys need no repeating.
    let q = q.reshape([kv_heads, group * n, head_dim]);
    let scores = q.matmul(k.transpose()) * (head_dim as f64).sqrt().recip();
    let dtype = scores.dtype();
    let scores = scores
        .cast(accumulation(dtype))
        .reshape([kv_heads, group, n, m])
        .mask_fill(causal_mask(n, m, &v.device()), f64::NEG_INFINITY);
    let weights = softmax(scores).cast(FloatDType::from(dtype)).reshape([kv_heads, group * n, m]);
    weights.matmul(v).reshape([heads, n, head_dim]).swap_dims(0, 1).reshape([n, heads * head_dim])
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
