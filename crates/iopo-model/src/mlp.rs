//! The feed-forward part of a decoder layer.

use burn::module::Module;
use burn::tensor::{Tensor, activation};

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
        let gate = activation::silu(self.gate_proj.forward(x.clone()));
        self.down_proj.forward(gate * self.up_proj.forward(x))
    }
}
