//! A model made of the parameters that a source gives.

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use crate::attention::GroupedQueryAttention;
use crate::causal_lm::CausalLm;
use crate::config::{DecoderConfig, NormPlacement, QueryKeyNorm};
use crate::decoder::{DecoderLayer, DecoderModel, Embedding};
use crate::error::WeightsError;
use crate::linear::LoraLinear;
use crate::mlp::GatedMlp;
use crate::norm::RmsNorm;
use crate::precision::Precision;

/// Where the values of a model's parameters come from.
pub(crate) trait TensorSource {
    /// The values of the parameter of a name.
    fn tensor<const D: usize>(&mut self, name: &str, shape: [usize; D]) -> Result<Tensor<D>, WeightsError>;
}

/// Asks for parameters in the order of the model, each by its path in the module tree.
pub(crate) struct Builder<'a, S> {
    pub(crate) source: &'a mut S,
    pub(crate) config: &'a DecoderConfig,
}

impl<S: TensorSource> Builder<'_, S> {
    pub(crate) fn causal_lm(mut self, precision: Precision) -> Result<CausalLm, WeightsError> {
        let config = self.config;
        let embedding = [config.vocab_size, config.hidden_size];
        let model = DecoderModel {
            embed_tokens: Embedding { weight: self.parameter("model.embed_tokens.weight", embedding)? },
            layers: (0..config.num_hidden_layers).map(|index| self.layer(index)).collect::<Result<_, _>>()?,
            norm: self.norm("model.norm", config.hidden_size)?,
        };
        let lm_head = match config.tie_word_embeddings {
            true => None,
            false => Some(self.linear("lm_head", embedding, false)?),
        };
        Ok(CausalLm { model, lm_head, config: config.clone(), precision, notes: Vec::new() }.no_grad())
    }

    fn layer(&mut self, index: usize) -> Result<DecoderLayer, WeightsError> {
        let config = self.config;
        let prefix = format!("model.layers.{index}");
        let mut norm = |name: &str, is_there: bool| {
            is_there.then(|| self.norm(&format!("{prefix}.{name}"), config.hidden_size)).transpose()
        };
        let (before, after) = match config.norm_placement {
            NormPlacement::Before => (true, false),
            NormPlacement::After => (false, true),
            NormPlacement::Both => (true, true),
        };
        let input_layernorm = norm("input_layernorm", before)?;
        let pre_feedforward_layernorm = norm("pre_feedforward_layernorm", before && after)?;
        let post_feedforward_layernorm = norm("post_feedforward_layernorm", after)?;
        Ok(DecoderLayer {
            post_attention_layernorm: self
                .norm(&format!("{prefix}.post_attention_layernorm"), config.hidden_size)?,
            self_attn: self.attention(&format!("{prefix}.self_attn"))?,
            mlp: self.mlp(&format!("{prefix}.mlp"))?,
            input_layernorm,
            pre_feedforward_layernorm,
            post_feedforward_layernorm,
        })
    }

    fn attention(&mut self, prefix: &str) -> Result<GroupedQueryAttention, WeightsError> {
        let config = self.config;
        let (hidden, head_dim) = (config.hidden_size, config.head_dim);
        let (query, key_value) =
            (config.num_attention_heads * head_dim, config.num_key_value_heads * head_dim);
        let mut linear = |name: &str, shape, bias| self.linear(&format!("{prefix}.{name}"), shape, bias);
        let (q_proj, k_proj, v_proj, o_proj) = (
            linear("q_proj", [query, hidden], config.qkv_bias)?,
            linear("k_proj", [key_value, hidden], config.qkv_bias)?,
            linear("v_proj", [key_value, hidden], config.qkv_bias)?,
            linear("o_proj", [hidden, query], config.o_bias)?,
        );
        let mut norm = |name: &str, full_width: usize| {
            let width = match config.query_key_norm {
                None => return Ok(None),
                Some(QueryKeyNorm::PerHead) => head_dim,
                Some(QueryKeyNorm::FullWidth) => full_width,
            };
            self.norm(&format!("{prefix}.{name}"), width).map(Some)
        };
        Ok(GroupedQueryAttention {
            q_norm: norm("q_norm", query)?,
            k_norm: norm("k_norm", key_value)?,
            q_proj,
            k_proj,
            v_proj,
            o_proj,
            num_key_value_heads: config.num_key_value_heads,
            head_dim,
            scale: config.attention_scale.unwrap_or_else(|| (head_dim as f64).sqrt().recip()),
        })
    }

    fn mlp(&mut self, prefix: &str) -> Result<GatedMlp, WeightsError> {
        let config = self.config;
        let (hidden, intermediate) = (config.hidden_size, config.intermediate_size);
        let mut linear = |name: &str, shape| self.linear(&format!("{prefix}.{name}"), shape, config.mlp_bias);
        Ok(GatedMlp {
            gate_proj: linear("gate_proj", [intermediate, hidden])?,
            up_proj: linear("up_proj", [intermediate, hidden])?,
            down_proj: linear("down_proj", [hidden, intermediate])?,
            activation: config.activation,
        })
    }

    fn linear(&mut self, name: &str, shape: [usize; 2], bias: bool) -> Result<LoraLinear, WeightsError> {
        let weight = self.parameter(&format!("{name}.weight"), shape)?;
        let bias = bias.then(|| self.parameter(&format!("{name}.bias"), [shape[0]])).transpose()?;
        Ok(LoraLinear { weight, bias, lora: None })
    }

    fn norm(&mut self, name: &str, width: usize) -> Result<RmsNorm, WeightsError> {
        let weight = self.parameter(&format!("{name}.weight"), [width])?;
        Ok(RmsNorm { weight, eps: self.config.rms_norm_eps })
    }

    fn parameter<const D: usize>(
        &mut self,
        name: &str,
        shape: [usize; D],
    ) -> Result<Param<Tensor<D>>, WeightsError> {
        self.source.tensor(name, shape).map(Param::from_tensor)
    }
}
