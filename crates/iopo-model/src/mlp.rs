//! The feed-forward part of a decoder layer.

use burn::module::Module;
use burn::tensor::{Tensor, activation};

use crate::checkpointing::Checkpointing;
use crate::cpu;
use crate::linear::{Input, LoraLinear, Recipe};

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
        let gated = self.gated(&Input::kept(x), Checkpointing::Off);
        self.down_proj.apply(&gated, None)
    }

    /// Applies the feed-forward part to each token and adds the result to `onto`.
    pub(crate) fn apply(&self, x: &Input, onto: Tensor<2>, checkpointing: Checkpointing) -> Tensor<2> {
        self.down_proj.apply(&self.gated(x, checkpointing), Some(onto))
    }

    fn gated(&self, x: &Input, checkpointing: Checkpointing) -> Input {
        let (gate, up) = (self.gate_proj.apply(x, None), self.up_proj.apply(x, None));
        let recipe = match checkpointing {
            Checkpointing::Off => None,
            Checkpointing::Selective | Checkpointing::Full => {
                Some(Recipe::Gated { gate: gate.clone(), up: up.clone() })
            }
        };
        let value = cpu::swiglu(&gate, &up).unwrap_or_else(|| activation::silu(gate) * up);
        Input { value, recipe }
    }
}
