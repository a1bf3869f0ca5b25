//! The decoder layer and the stack of them that Qwen2 and Llama share.
//!
//! Fields carry the names of Hugging Face's modules, so that a parameter's path in the module
//! tree is its name in a weight file.

use burn::module::{Module, Param};
use burn::tensor::{Int, Tensor};

use crate::attention::GroupedQueryAttention;
use crate::checkpointing::Checkpointing;
use crate::layout::TokenLayout;
use crate::linear::{Input, LoraLinear, Recipe};
use crate::mlp::SwiGluMlp;
use crate::norm::RmsNorm;
use crate::rope::RotaryEmbedding;

/// One decoder layer: attention, then the feed-forward part, each after a norm and added to the stream.
#[derive(Module, Debug)]
pub struct DecoderLayer {
    /// Attention.
    pub self_attn: GroupedQueryAttention,
    /// Feed-forward part.
    pub mlp: SwiGluMlp,
    /// Norm before the attention.
    pub input_layernorm: RmsNorm,
    /// Norm before the feed-forward part.
    pub post_attention_layernorm: RmsNorm,
}

impl DecoderLayer {
    /// Applies the layer.
    ///
    /// # Shapes
    /// - `x`, result: `[tokens, hidden]`
    #[must_use]
    pub fn forward(&self, x: Tensor<2>, rope: &RotaryEmbedding, layout: &TokenLayout) -> Tensor<2> {
        self.apply(x, rope, layout, Checkpointing::Off)
    }

    pub(crate) fn apply(
        &self,
        x: Tensor<2>,
        rope: &RotaryEmbedding,
        layout: &TokenLayout,
        checkpointing: Checkpointing,
    ) -> Tensor<2> {
        self.feed_forward(self.attend(x, rope, layout, checkpointing), checkpointing)
    }

    /// The linear layers with their names.
    #[must_use]
    pub fn linears(&self) -> [(&'static str, &LoraLinear); 7] {
        let (attention, mlp) = (&self.self_attn, &self.mlp);
        [
            ("q_proj", &attention.q_proj),
            ("k_proj", &attention.k_proj),
            ("v_proj", &attention.v_proj),
            ("o_proj", &attention.o_proj),
            ("gate_proj", &mlp.gate_proj),
            ("up_proj", &mlp.up_proj),
            ("down_proj", &mlp.down_proj),
        ]
    }

    pub(crate) fn linears_mut(&mut self) -> [(&'static str, &mut LoraLinear); 7] {
        let (attention, mlp) = (&mut self.self_attn, &mut self.mlp);
        [
            ("q_proj", &mut attention.q_proj),
            ("k_proj", &mut attention.k_proj),
            ("v_proj", &mut attention.v_proj),
            ("o_proj", &mut attention.o_proj),
            ("gate_proj", &mut mlp.gate_proj),
            ("up_proj", &mut mlp.up_proj),
            ("down_proj", &mut mlp.down_proj),
        ]
    }

    /// The first half: attention, added to the stream.
    pub(crate) fn attend(
        &self,
        x: Tensor<2>,
        rope: &RotaryEmbedding,
        layout: &TokenLayout,
        checkpointing: Checkpointing,
    ) -> Tensor<2> {
        let normalised = normalised(&self.input_layernorm, &x, checkpointing);
        self.self_attn.apply(&normalised, x, rope, layout)
    }

    /// The second half: the feed-forward part, added to the stream; each row depends on that row alone.
    pub(crate) fn feed_forward(&self, x: Tensor<2>, checkpointing: Checkpointing) -> Tensor<2> {
        let normalised = normalised(&self.post_attention_layernorm, &x, checkpointing);
        self.mlp.apply(&normalised, x, checkpointing)
    }
}

fn normalised(norm: &RmsNorm, x: &Tensor<2>, checkpointing: Checkpointing) -> Input {
    let recipe = match checkpointing {
        Checkpointing::Off => None,
        Checkpointing::Selective | Checkpointing::Full => {
            Some(Recipe::Norm { x: x.clone(), weight: norm.weight.val(), eps: norm.eps })
        }
    };
    Input { value: norm.forward(x.clone()), recipe }
}

/// Token embeddings.
#[derive(Module, Debug)]
pub struct Embedding {
    /// `[vocab, hidden]`.
    pub weight: Param<Tensor<2>>,
}

impl Embedding {
    /// The rows of the given tokens.
    ///
    /// # Shapes
    /// - `tokens`: `[tokens]`
    /// - result: `[tokens, hidden]`
    #[must_use]
    pub fn forward(&self, tokens: Tensor<1, Int>) -> Tensor<2> {
        self.weight.val().select(0, tokens)
    }
}

/// The decoder without its head.
#[derive(Module, Debug)]
pub struct DecoderModel {
    /// Token embeddings.
    pub embed_tokens: Embedding,
    /// The layers, first to last.
    pub layers: Vec<DecoderLayer>,
    /// Norm after the last layer.
    pub norm: RmsNorm,
}
