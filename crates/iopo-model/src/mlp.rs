//! The feed-forward part of a decoder layer.

use burn::module::Module;
use burn::tensor::{Tensor, activation};

use crate::cpu;
use crate::linear::LoraLinear;

/// `down(silu(gate(x)) · up(x))`.
///
/// # Source
/// Shazeer 2020 (SwiGLU), Eq. 6.
#[derive(Module, Debug)]
pub struct SwiGluMlp {
    /// `[intermediate, hidden]`.
    pub gate_proj: LoraLinear,
    /// `[intermediate, hidden]`.
    pub up_proj: LoraLinear,
    /// `[hidden, intermediate]`.
    pub down_proj: LoraLinear,
}

impl SwiGluMlp {
    /// Applies the feed-forward part to each token.
    ///
    /// # Shapes
    /// - `x`, result: `[tokens, hidden]`
    #[must_use]
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.down_proj.forward(self.gated(x))
    }

    /// Applies the feed-forward part to each token and adds the result to `onto`.
    ///
    /// # Shapes
    /// - `onto`, `x`, result: `[tokens, hidden]`
    #[must_use]
    pub fn forward_onto(&self, onto: Tensor<2>, x: Tensor<2>) -> Tensor<2> {
        self.down_proj.forward_onto(onto, self.gated(x))
    }

    fn gated(&self, x: Tensor<2>) -> Tensor<2> {
        let (gate, up) = (self.gate_proj.forward(x.clone()), self.up_proj.forward(x));
        cpu::swiglu(&gate, &up).unwrap_or_else(|| activation::silu(gate) * up)
    }
}
