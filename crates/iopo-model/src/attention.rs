//! Self-attention with grouped key-value heads.

use burn::module::Module;
use burn::tensor::Tensor;

use crate::kernels::{self, Heads, Input};
use crate::layout::TokenLayout;
use crate::linear::LoraLinear;
use crate::norm::RmsNorm;
use crate::rope::RotaryEmbedding;

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
    /// Norm of the queries before their rotation: of each head, or of all heads as one vector, as its width says.
    pub q_norm: Option<RmsNorm>,
    /// Norm of the keys before their rotation.
    pub k_norm: Option<RmsNorm>,
    /// Number of key-value heads.
    pub num_key_value_heads: usize,
    /// Width of one head.
    pub head_dim: usize,
    /// Factor of the scores.
    pub scale: f64,
}

impl GroupedQueryAttention {
    /// Attends within each segment and to its ancestors.
    ///
    /// ```text
    /// softmax(scale · q kᵀ + mask) v
    /// ```
    ///
    /// # Shapes
    /// - `x`, result: `[tokens, hidden]`
    #[must_use]
    pub fn forward(&self, x: Tensor<2>, rope: &RotaryEmbedding, layout: &TokenLayout) -> Tensor<2> {
        let x = Input::kept(x);
        let (q, (k, v)) = (self.queries(&x, rope), self.keys_and_values(&x, rope));
        self.o_proj.forward(kernels::attend([q, k, v], layout, self.heads()))
    }

    /// The sizes of the heads, for attention.
    pub(crate) fn heads(&self) -> Heads {
        Heads { key_value: self.num_key_value_heads, width: self.head_dim, scale: self.scale }
    }

    /// Queries, rotated to their positions: `[tokens, heads · head_dim]`.
    pub(crate) fn queries(&self, x: &Input, rope: &RotaryEmbedding) -> Tensor<2> {
        rope.rotate(normalised(self.q_norm.as_ref(), self.q_proj.apply(x, None)))
    }

    /// Keys, rotated to their positions, and values: `[tokens, kv_heads · head_dim]` each.
    pub(crate) fn keys_and_values(&self, x: &Input, rope: &RotaryEmbedding) -> (Tensor<2>, Tensor<2>) {
        let keys = normalised(self.k_norm.as_ref(), self.k_proj.apply(x, None));
        (rope.rotate(keys), self.v_proj.apply(x, None))
    }
}

fn normalised(norm: Option<&RmsNorm>, heads: Tensor<2>) -> Tensor<2> {
    match norm {
        None => heads,
        Some(norm) => norm.in_groups(heads),
    }
}
