//! The feed-forward part of a decoder layer.

use burn::module::Module;
use burn::tensor::Tensor;

use crate::checkpointing::Checkpointing;
use crate::kernels::{self, Activation, Input, Recipe};
use crate::linear::LoraLinear;

/// `down(activation(gate(x)) · up(x))`.
///
/// # Source
/// Shazeer 2020 (SwiGLU), Eq. 6.
#[derive(Module, Debug)]
pub struct GatedMlp {
    /// `[intermediate, hidden]`.
    pub gate_proj: LoraLinear,
    /// `[intermediate, hidden]`.
    pub up_proj: LoraLinear,
    /// `[hidden, intermediate]`.
    pub down_proj: LoraLinear,
    /// Activation of the gate.
    #[module(skip)]
    pub activation: Activation,
}

impl GatedMlp {
    /// Applies the feed-forward part to each token.
    ///
    /// # Shapes
    /// - `x`, result: `[tokens, hidden]`
    #[must_use]
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        self.apply(&Input::kept(x), None, Checkpointing::Off)
    }

    /// Applies the feed-forward part to each token, and adds the result to `onto` if there is one.
    pub(crate) fn apply(
        &self,
        x: &Input,
        onto: Option<Tensor<2>>,
        checkpointing: Checkpointing,
    ) -> Tensor<2> {
        let (activation, gate, up) =
            (self.activation, self.gate_proj.apply(x, None), self.up_proj.apply(x, None));
        let recipe = match checkpointing {
            Checkpointing::Off => None,
            Checkpointing::Selective | Checkpointing::Full => {
                Some(Recipe::Gated { activation, gate: gate.clone(), up: up.clone() })
            }
        };
        let gated = Input { value: kernels::gated(activation, gate, up), recipe };
        self.down_proj.apply(&gated, onto)
    }
}
