//! The decoder layer and the stack of them, for every family.
//!
//! Fields carry the names of Hugging Face's modules, so that a parameter's path in the module
//! tree is its name in a weight file.

use std::convert::Infallible;

use burn::module::{Module, Param};
use burn::tensor::{Int, Tensor};

use crate::attention::GroupedQueryAttention;
use crate::checkpointing::{Checkpointing, chunks};
use crate::kernels::{self, Input};
use crate::layout::TokenLayout;
use crate::linear::LoraLinear;
use crate::mlp::GatedMlp;
use crate::norm::RmsNorm;
use crate::rope::RotaryEmbedding;

/// One decoder layer: attention, then the feed-forward part, each added to the residual stream.
///
/// ```text
/// x ← x + after(attention(before(x))),   x ← x + after(mlp(before(x)))
/// ```
///
/// `before` and `after` are norms of which a family has one or both.
#[derive(Module, Debug)]
pub struct DecoderLayer {
    /// Attention.
    pub self_attn: GroupedQueryAttention,
    /// Feed-forward part.
    pub mlp: GatedMlp,
    /// Norm before the attention.
    pub input_layernorm: Option<RmsNorm>,
    /// Norm before the feed-forward part; after the attention where there is a `post_feedforward_layernorm`.
    pub post_attention_layernorm: RmsNorm,
    /// Norm before the feed-forward part where `post_attention_layernorm` is after the attention.
    pub pre_feedforward_layernorm: Option<RmsNorm>,
    /// Norm after the feed-forward part.
    pub post_feedforward_layernorm: Option<RmsNorm>,
}

/// How a layer is applied, beside its input and its attention.
pub(crate) struct LayerPass<'a> {
    pub(crate) rope: &'a RotaryEmbedding,
    pub(crate) checkpointing: Checkpointing,
    /// The rows that are wanted; all where none are named.
    pub(crate) outputs: Option<&'a OutputRows>,
    /// Most rows that go through the feed-forward part at a time.
    pub(crate) feed_forward_rows: usize,
}

/// The rows of a layer's input for which its output is wanted.
pub(crate) struct OutputRows {
    pub(crate) indices: Tensor<1, Int>,
    pub(crate) rope: RotaryEmbedding,
}

impl<'a> LayerPass<'a> {
    /// All rows, in one piece.
    pub(crate) fn whole(rope: &'a RotaryEmbedding, checkpointing: Checkpointing) -> Self {
        Self { rope, checkpointing, outputs: None, feed_forward_rows: usize::MAX }
    }
}

/// The linear layers of a decoder layer, named once: fields, names and paths are the same words.
macro_rules! linear_layers {
    ($($part:ident . $name:ident),* $(,)?) => {
        /// Module and name of the linear layers, as in Hugging Face files.
        pub(crate) const LINEAR_LAYERS: [(&str, &str); 7] = [$((stringify!($part), stringify!($name))),*];

        impl DecoderLayer {
            /// The linear layers with their names.
            #[must_use]
            pub fn linears(&self) -> [(&'static str, &LoraLinear); 7] {
                [$((stringify!($name), &self.$part.$name)),*]
            }

            pub(crate) fn linears_mut(&mut self) -> [(&'static str, &mut LoraLinear); 7] {
                [$((stringify!($name), &mut self.$part.$name)),*]
            }
        }
    };
}

linear_layers! {
    self_attn.q_proj,
    self_attn.k_proj,
    self_attn.v_proj,
    self_attn.o_proj,
    mlp.gate_proj,
    mlp.up_proj,
    mlp.down_proj,
}

impl DecoderLayer {
    /// Applies the layer; a token attends to what its segment sees.
    ///
    /// # Shapes
    /// - `x`, result: `[tokens, hidden]`
    #[must_use]
    pub fn forward(&self, x: Tensor<2>, rope: &RotaryEmbedding, layout: &TokenLayout) -> Tensor<2> {
        self.apply_to_layout(x, &LayerPass::whole(rope, Checkpointing::Off), layout)
    }

    /// [`Self::apply`] where a token attends to what its segment sees.
    pub(crate) fn apply_to_layout(
        &self,
        x: Tensor<2>,
        pass: &LayerPass<'_>,
        layout: &TokenLayout,
    ) -> Tensor<2> {
        let Ok(x) = self.apply(x, pass, |qkv| Ok::<_, Infallible>(self.attend_layout(qkv, layout)));
        x
    }

    /// Applies the layer; `attend` computes the attention of queries to keys and values.
    ///
    /// # Shapes
    /// - `x`: `[tokens, hidden]`; result: `[outputs, hidden]`
    /// - `attend`: queries `[outputs, heads · head_dim]`, keys and values `[tokens, kv_heads · head_dim]`, to as much
    ///   as the queries
    pub(crate) fn apply<E>(
        &self,
        x: Tensor<2>,
        pass: &LayerPass<'_>,
        attend: impl FnOnce([Tensor<2>; 3]) -> Result<Tensor<2>, E>,
    ) -> Result<Tensor<2>, E> {
        let x = self.attention_half(x, pass, attend)?;
        let rows = x.dims()[0];
        if rows <= pass.feed_forward_rows {
            return Ok(self.feed_forward(x, pass.checkpointing));
        }
        let part =
            |(start, length)| self.feed_forward(x.clone().narrow(0, start, length), pass.checkpointing);
        Ok(Tensor::cat(chunks(rows, pass.feed_forward_rows).map(part).collect(), 0))
    }

    fn attention_half<E>(
        &self,
        x: Tensor<2>,
        pass: &LayerPass<'_>,
        attend: impl FnOnce([Tensor<2>; 3]) -> Result<Tensor<2>, E>,
    ) -> Result<Tensor<2>, E> {
        let [before, after] = self.attention_norms();
        let attention = &self.self_attn;
        let input = normalised(before, &x, pass.checkpointing);
        let (q, x) = match pass.outputs {
            None => (attention.queries(&input, pass.rope), x),
            Some(wanted) => {
                let input = Input::kept(input.value.clone().select(0, wanted.indices.clone()));
                (attention.queries(&input, &wanted.rope), x.select(0, wanted.indices.clone()))
            }
        };
        let (k, v) = attention.keys_and_values(&input, pass.rope);
        let attended = Input::kept(attend([q, k, v])?);
        Ok(added(x, after, |onto| attention.o_proj.apply(&attended, onto)))
    }

    fn attend_layout(&self, qkv: [Tensor<2>; 3], layout: &TokenLayout) -> Tensor<2> {
        kernels::attend(qkv, layout, self.self_attn.heads())
    }

    /// The first half: attention to what a token's segment sees, added to the stream.
    pub(crate) fn attend(
        &self,
        x: Tensor<2>,
        rope: &RotaryEmbedding,
        layout: &TokenLayout,
        checkpointing: Checkpointing,
    ) -> Tensor<2> {
        let pass = LayerPass::whole(rope, checkpointing);
        let Ok(x) = self.attention_half(x, &pass, |qkv| Ok::<_, Infallible>(self.attend_layout(qkv, layout)));
        x
    }

    /// The second half: the feed-forward part, added to the stream; each row depends on that row alone.
    pub(crate) fn feed_forward(&self, x: Tensor<2>, checkpointing: Checkpointing) -> Tensor<2> {
        let [before, after] = self.feed_forward_norms();
        let input = normalised(before, &x, checkpointing);
        added(x, after, |onto| self.mlp.apply(&input, onto, checkpointing))
    }

    /// The norms before and after the attention.
    fn attention_norms(&self) -> [Option<&RmsNorm>; 2] {
        let after = self.post_feedforward_layernorm.as_ref().map(|_| &self.post_attention_layernorm);
        [self.input_layernorm.as_ref(), after]
    }

    /// The norms before and after the feed-forward part.
    fn feed_forward_norms(&self) -> [Option<&RmsNorm>; 2] {
        match &self.post_feedforward_layernorm {
            None => [Some(&self.post_attention_layernorm), None],
            after => [self.pre_feedforward_layernorm.as_ref(), after.as_ref()],
        }
    }
}

fn normalised(norm: Option<&RmsNorm>, x: &Tensor<2>, checkpointing: Checkpointing) -> Input {
    match norm {
        None => Input::kept(x.clone()),
        Some(norm) => norm.input(x, checkpointing),
    }
}

/// `x + after(branch)`; `branch` adds its result to its argument.
fn added(
    x: Tensor<2>,
    after: Option<&RmsNorm>,
    branch: impl FnOnce(Option<Tensor<2>>) -> Tensor<2>,
) -> Tensor<2> {
    match after {
        None => branch(Some(x)),
        Some(norm) => x + norm.forward(branch(None)),
    }
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
