//! The language model: decoder and LM head.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Device, FloatDType, Tensor};

use crate::checkpointing::Checkpointing;
use crate::config::DecoderConfig;
use crate::decoder::{DecoderModel, LayerPass};
use crate::error::{LayoutError, LoraError};
use crate::kernels::{self, Input, Onto, indices};
use crate::layout::{Predictions, TokenLayout};
use crate::linear::LoraLinear;
use crate::lora::{LoraConfig, LoraInit};
use crate::precision::Precision;
use crate::rope::RotaryEmbedding;

/// A decoder-only language model of the Qwen2 or Llama family.
#[derive(Module, Debug)]
pub struct CausalLm {
    /// The decoder.
    pub model: DecoderModel,
    /// The LM head, `[vocab, hidden]`; `None` where it shares the embedding's matrix.
    pub lm_head: Option<LoraLinear>,
    #[module(skip)]
    pub(crate) config: DecoderConfig,
    #[module(skip)]
    pub(crate) precision: Precision,
    #[module(skip)]
    pub(crate) notes: Vec<String>,
}

impl CausalLm {
    /// Sizes and options.
    #[must_use]
    pub fn config(&self) -> &DecoderConfig {
        &self.config
    }

    /// Float types of weights, adapter and losses.
    #[must_use]
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// What the files that the model was loaded from hold and it does not use, in sentences for the user.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Where the weights live.
    #[must_use]
    pub fn device(&self) -> Device {
        self.model.embed_tokens.weight.val().device()
    }

    /// The last layer's output after the final norm, for every token.
    ///
    /// # Shapes
    /// - result: `[tokens, hidden]`
    ///
    /// # Errors
    /// A token id outside the vocabulary.
    pub fn hidden_states(&self, layout: &TokenLayout) -> Result<Tensor<2>, LayoutError> {
        Ok(self.model.norm.forward(self.decode(layout)?))
    }

    /// The last layer's output, `[tokens, hidden]`.
    pub(crate) fn decode(&self, layout: &TokenLayout) -> Result<Tensor<2>, LayoutError> {
        self.decode_with(layout, &self.rotary(layout), Checkpointing::Off)
    }

    pub(crate) fn decode_with(
        &self,
        layout: &TokenLayout,
        rope: &RotaryEmbedding,
        checkpointing: Checkpointing,
    ) -> Result<Tensor<2>, LayoutError> {
        let (x, pass) = (self.embed(layout)?, LayerPass::whole(rope, checkpointing));
        Ok(self.model.layers.iter().fold(x, |x, layer| layer.apply_to_layout(x, &pass, layout)))
    }

    pub(crate) fn embed(&self, layout: &TokenLayout) -> Result<Tensor<2>, LayoutError> {
        layout.check_vocabulary(self.config.vocab_size)?;
        Ok(self.embed_tokens(layout.tokens()))
    }

    /// The rows of tokens that are known to be in the vocabulary.
    pub(crate) fn embed_tokens(&self, tokens: &[u32]) -> Tensor<2> {
        let tokens = indices(tokens.iter().map(|&t| i64::from(t)), &self.device());
        self.model.embed_tokens.forward(tokens)
    }

    pub(crate) fn rotary(&self, layout: &TokenLayout) -> RotaryEmbedding {
        self.rotary_at(layout.positions())
    }

    pub(crate) fn rotary_at(&self, positions: &[u32]) -> RotaryEmbedding {
        RotaryEmbedding::new(
            &self.config.rope.frequencies(self.config.head_dim),
            positions,
            self.precision.weights.into(),
            &self.device().without_autodiff(),
        )
    }

    /// Scores of every vocabulary entry, in the float type of losses.
    ///
    /// # Shapes
    /// - `hidden`: `[n, hidden]`
    /// - result: `[n, vocab]`
    #[must_use]
    pub fn logits(&self, hidden: Tensor<2>) -> Tensor<2> {
        let logits = match &self.lm_head {
            Some(head) => head.forward(hidden),
            None => {
                let embedding = self.model.embed_tokens.weight.val();
                kernels::linear(&Input::kept(hidden), &embedding, Onto::Nothing, 1.0)
            }
        };
        logits.cast(self.precision.loss)
    }

    /// Log-probabilities of the predicted tokens; the head sees only the positions that predict.
    ///
    /// ```text
    /// log p(target | tokens up to source) = z[target] − log Σ_v exp z[v]
    /// ```
    ///
    /// # Shapes
    /// - result: `[predictions]`
    ///
    /// # Errors
    /// A token id outside the vocabulary, or a source outside the layout.
    pub fn token_log_probs(
        &self,
        layout: &TokenLayout,
        predictions: &Predictions,
    ) -> Result<Tensor<1>, LayoutError> {
        predictions.check(layout.num_tokens(), self.config.vocab_size)?;
        let rows = self.decode(layout)?.select(0, predictions.source_indices(&self.device()));
        Ok(self.head_log_probs(rows, &predictions.targets))
    }

    /// Attaches fresh adapters and freezes everything else.
    ///
    /// B is zero, so the model's output does not change; A is sampled from `seed`.
    ///
    /// # Errors
    /// Rank 0 or above the larger side of a targeted layer, an alpha that is not finite, no target or an unknown one, or a model that has an
    /// adapter already.
    pub fn attach_lora(self, config: &LoraConfig, seed: u64) -> Result<Self, LoraError> {
        if config.rank == 0 {
            return Err(LoraError::invalid("the rank of a LoRA adapter is at least 1"));
        }
        if !config.alpha.is_finite() {
            let alpha = config.alpha;
            return Err(LoraError::invalid(format!(
                "the alpha of a LoRA adapter is a number, found {alpha}"
            )));
        }
        if self.has_lora() {
            return Err(LoraError::AlreadyAdapted);
        }
        let names = config.targets.names()?;
        self.check_rank(config.rank, &names)?;
        let device = self.device().without_autodiff();
        let mut init = LoraInit::new(config, seed, self.precision.adapter, device);
        Ok(self.no_grad().map_linears(|name, mut linear| {
            if names.contains(&name) {
                linear.lora = Some(init.adapter(linear.weight.dims()));
            }
            linear
        }))
    }

    /// The smallest targeted layer bounds the rank: past a layer's larger side an adapter has more
    /// numbers than the layer. Checked before anything is allocated: a rank without bound would
    /// overflow or exhaust memory.
    fn check_rank(&self, rank: usize, targets: &[&str]) -> Result<(), LoraError> {
        let layers = self.model.layers.iter().enumerate();
        let linears =
            layers.flat_map(|(index, layer)| layer.linears().map(|(name, linear)| (index, name, linear)));
        let sides = linears.filter(|(_, name, _)| targets.contains(name)).map(|(index, name, linear)| {
            let [out, input] = linear.weight.dims();
            (out.max(input), index, name)
        });
        match sides.min_by_key(|&(limit, ..)| limit) {
            Some((limit, index, name)) if rank > limit => Err(LoraError::invalid(format!(
                "a LoRA adapter of rank {rank} does not fit layer {index}'s {name}, whose larger side is {limit}: \
                 lower the rank"
            ))),
            _ => Ok(()),
        }
    }

    /// Whether any layer carries an adapter.
    #[must_use]
    pub fn has_lora(&self) -> bool {
        self.model.layers.iter().any(|layer| layer.linears().iter().any(|(_, linear)| linear.lora.is_some()))
    }

    /// The model without its adapters.
    #[must_use]
    pub fn without_lora(self) -> Self {
        self.map_linears(|_, mut linear| {
            linear.lora = None;
            linear
        })
    }

    /// The model with its adapters' products added to the weights.
    #[must_use]
    pub fn merge_lora(self) -> Self {
        self.map_linears(|_, linear| linear.merge())
    }

    /// The model with its own weights in another float type; adapters keep theirs.
    #[must_use]
    pub fn with_weights_as(mut self, dtype: FloatDType) -> Self {
        self.precision.weights = dtype;
        self.map(&mut CastWeights { dtype, in_adapter: false })
    }

    pub(crate) fn map_linears(mut self, mut map: impl FnMut(&'static str, LoraLinear) -> LoraLinear) -> Self {
        for layer in &mut self.model.layers {
            for (name, linear) in layer.linears_mut() {
                *linear = map(name, linear.clone());
            }
        }
        self
    }
}

struct CastWeights {
    dtype: FloatDType,
    in_adapter: bool,
}

impl ModuleMapper for CastWeights {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.in_adapter |= name == "lora";
    }

    fn exit_module(&mut self, name: &str, _container: &str) {
        self.in_adapter &= name != "lora";
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if self.in_adapter { param } else { param.map(|tensor| tensor.cast(self.dtype)) }
    }
}
