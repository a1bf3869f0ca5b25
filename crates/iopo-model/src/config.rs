//! The configuration of a decoder.

use std::path::Path;

use crate::error::ConfigError;
use crate::kernels::Activation;
use crate::rope::RopeConfig;

/// Standard deviation of new weights where `config.json` has no `initializer_range`.
///
/// # Source
/// The default of that key in transformers' configurations of Qwen2 and Llama.
pub const INITIALIZER_RANGE: f64 = 0.02;

/// Over what queries and keys are normalised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueryKeyNorm {
    /// Each head; all heads share one weight.
    PerHead,
    /// All heads as one vector.
    FullWidth,
}

/// Where a layer's norms stand, relative to its attention and its feed-forward part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NormPlacement {
    /// On their inputs.
    Before,
    /// On their outputs, before those are added to the residual stream.
    After,
    /// On both.
    Both,
}

/// The sizes and options of a decoder; sizes have the field names of `config.json`.
///
/// A family is a way to fill it: see [`DecoderConfig::from_json`].
#[derive(Debug, Clone, PartialEq)]
pub struct DecoderConfig {
    /// The family that the weights belong to, as `config.json` names it.
    pub model_type: &'static str,
    /// Rows of the embedding, at least the tokenizer's vocabulary.
    pub vocab_size: usize,
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Width of the MLP.
    pub intermediate_size: usize,
    /// Number of decoder layers.
    pub num_hidden_layers: usize,
    /// Number of query heads.
    pub num_attention_heads: usize,
    /// Number of key-value heads; divides `num_attention_heads`.
    pub num_key_value_heads: usize,
    /// Width of one head; even.
    pub head_dim: usize,
    /// Factor of the attention's scores; `1 / sqrt(head_dim)` where none is given.
    pub attention_scale: Option<f64>,
    /// Norms of queries and keys, if any.
    pub query_key_norm: Option<QueryKeyNorm>,
    /// Where a layer's norms stand.
    pub norm_placement: NormPlacement,
    /// Added to the mean square in [`crate::RmsNorm`].
    pub rms_norm_eps: f64,
    /// Activation of the MLP's gate.
    pub activation: Activation,
    /// Rotary position embedding.
    pub rope: RopeConfig,
    /// Longest sequence the model was made for.
    pub max_position_embeddings: usize,
    /// Whether the query, key and value projections have a bias.
    pub qkv_bias: bool,
    /// Whether the output projection of the attention has a bias.
    pub o_bias: bool,
    /// Whether the MLP's projections have a bias.
    pub mlp_bias: bool,
    /// Whether the LM head shares the embedding's matrix.
    pub tie_word_embeddings: bool,
}

impl DecoderConfig {
    pub(crate) fn validate(&self, path: &Path) -> Result<(), ConfigError> {
        let invalid = |reason: String| ConfigError::invalid(path, reason);
        for (name, size) in [
            ("vocab_size", self.vocab_size),
            ("hidden_size", self.hidden_size),
            ("intermediate_size", self.intermediate_size),
            ("num_hidden_layers", self.num_hidden_layers),
            ("num_attention_heads", self.num_attention_heads),
            ("num_key_value_heads", self.num_key_value_heads),
            ("head_dim", self.head_dim),
        ] {
            if size == 0 {
                return Err(invalid(format!("{name} is 0")));
            }
        }
        if !self.num_attention_heads.is_multiple_of(self.num_key_value_heads) {
            return Err(invalid(format!(
                "num_attention_heads {} is not a multiple of num_key_value_heads {}",
                self.num_attention_heads, self.num_key_value_heads
            )));
        }
        if !self.head_dim.is_multiple_of(2) {
            return Err(invalid(format!("head_dim {} is odd", self.head_dim)));
        }
        if !(self.rms_norm_eps > 0.0 && self.rms_norm_eps.is_finite()) {
            return Err(invalid(format!("rms_norm_eps {} is not a positive number", self.rms_norm_eps)));
        }
        if let Some(scale) = self.attention_scale.filter(|scale| !scale.is_finite()) {
            return Err(invalid(format!("the scale of attention is {scale}, not a number")));
        }
        self.rope.validate().map_err(invalid)?;
        match self.checked_num_parameters() {
            Some(_) => Ok(()),
            None => Err(invalid("more parameters than this machine can count".to_owned())),
        }
    }

    /// Number of parameters, the tied head counted once; `usize::MAX` where it is larger than that.
    #[must_use]
    pub fn num_parameters(&self) -> usize {
        self.checked_num_parameters().unwrap_or(usize::MAX)
    }

    /// `None` on overflow; every size that a forward pass forms is smaller than this one.
    fn checked_num_parameters(&self) -> Option<usize> {
        let (h, m) = (self.hidden_size, self.intermediate_size);
        let q = self.num_attention_heads.checked_mul(self.head_dim)?;
        let kv = self.num_key_value_heads.checked_mul(self.head_dim)?;
        let product =
            |factors: &[usize]| factors.iter().try_fold(1_usize, |product, &f| product.checked_mul(f));
        let sum = |terms: &[usize]| terms.iter().try_fold(0_usize, |sum, &term| sum.checked_add(term));
        let if_biased = |biased: bool, size: usize| if biased { size } else { 0 };
        let layer = sum(&[
            product(&[2, h, q])?,
            product(&[2, h, kv])?,
            product(&[3, h, m])?,
            if_biased(self.qkv_bias, sum(&[q, kv, kv])?),
            if_biased(self.o_bias, h),
            if_biased(self.mlp_bias, sum(&[m, m, h])?),
            match self.norm_placement {
                NormPlacement::Before | NormPlacement::After => product(&[2, h])?,
                NormPlacement::Both => product(&[4, h])?,
            },
            match self.query_key_norm {
                None => 0,
                Some(QueryKeyNorm::PerHead) => product(&[2, self.head_dim])?,
                Some(QueryKeyNorm::FullWidth) => sum(&[q, kv])?,
            },
        ])?;
        let matrices = if self.tie_word_embeddings { 1 } else { 2 };
        sum(&[product(&[matrices, self.vocab_size, h])?, product(&[self.num_hidden_layers, layer])?, h])
    }
}
