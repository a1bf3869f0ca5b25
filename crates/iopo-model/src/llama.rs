//! Llama 3, 3.1 and 3.2: no biases by default, llama3 rotary scaling.

use crate::config::{Architecture, DecoderConfig, Keys};
use crate::error::ConfigError;
use crate::rope::{Llama3RopeScaling, RopeConfig};

/// The keys of a Llama `config.json` that decide the shape of the model.
///
/// Sizes of the public models come from the `config.json` of the repositories
/// `meta-llama/Meta-Llama-3-*`, `meta-llama/Llama-3.1-*` and `meta-llama/Llama-3.2-*`.
#[derive(Debug, Clone, PartialEq)]
pub struct LlamaConfig {
    /// Rows of the embedding.
    pub vocab_size: usize,
    /// Width of the residual stream.
    pub hidden_size: usize,
    /// Width of the MLP.
    pub intermediate_size: usize,
    /// Number of decoder layers.
    pub num_hidden_layers: usize,
    /// Number of query heads.
    pub num_attention_heads: usize,
    /// Number of key-value heads.
    pub num_key_value_heads: usize,
    /// Width of one head.
    pub head_dim: usize,
    /// Added to the mean square in the norms.
    pub rms_norm_eps: f64,
    /// Rotary position embedding.
    pub rope: RopeConfig,
    /// Longest sequence the model was made for.
    pub max_position_embeddings: usize,
    /// Whether the attention's projections have biases.
    pub attention_bias: bool,
    /// Whether the MLP's projections have biases.
    pub mlp_bias: bool,
    /// Whether the head shares the embedding's matrix.
    pub tie_word_embeddings: bool,
}

impl LlamaConfig {
    const fn public(
        [hidden_size, intermediate_size, num_hidden_layers]: [usize; 3],
        num_attention_heads: usize,
        scaling_factor: Option<f64>,
        tie_word_embeddings: bool,
    ) -> Self {
        let scaling = match scaling_factor {
            Some(factor) => Some(Llama3RopeScaling {
                factor,
                low_freq_factor: 1.0,
                high_freq_factor: 4.0,
                original_max_position_embeddings: 8_192,
            }),
            None => None,
        };
        Self {
            vocab_size: 128_256,
            hidden_size,
            intermediate_size,
            num_hidden_layers,
            num_attention_heads,
            num_key_value_heads: 8,
            head_dim: hidden_size / num_attention_heads,
            rms_norm_eps: 1e-5,
            max_position_embeddings: if scaling_factor.is_some() { 131_072 } else { 8_192 },
            rope: RopeConfig { theta: 500_000.0, scaling },
            attention_bias: false,
            mlp_bias: false,
            tie_word_embeddings,
        }
    }

    /// Meta-Llama-3-8B(-Instruct).
    #[must_use]
    pub const fn llama3_8b() -> Self {
        Self::public([4_096, 14_336, 32], 32, None, false)
    }

    /// Meta-Llama-3-70B(-Instruct).
    #[must_use]
    pub const fn llama3_70b() -> Self {
        Self::public([8_192, 28_672, 80], 64, None, false)
    }

    /// Llama-3.1-8B(-Instruct), the paper's second base model.
    #[must_use]
    pub const fn llama3_1_8b() -> Self {
        Self::public([4_096, 14_336, 32], 32, Some(8.0), false)
    }

    /// Llama-3.1-70B(-Instruct).
    #[must_use]
    pub const fn llama3_1_70b() -> Self {
        Self::public([8_192, 28_672, 80], 64, Some(8.0), false)
    }

    /// Llama-3.2-1B(-Instruct).
    #[must_use]
    pub const fn llama3_2_1b() -> Self {
        Self::public([2_048, 8_192, 16], 32, Some(32.0), true)
    }

    /// Llama-3.2-3B(-Instruct).
    #[must_use]
    pub const fn llama3_2_3b() -> Self {
        Self::public([3_072, 8_192, 28], 24, Some(32.0), true)
    }

    pub(crate) fn from_keys(keys: &Keys<'_>) -> Result<Self, ConfigError> {
        keys.require_silu()?;
        let hidden_size = keys.size("hidden_size")?;
        let num_attention_heads = keys.size("num_attention_heads")?;
        Ok(Self {
            vocab_size: keys.size("vocab_size")?,
            hidden_size,
            intermediate_size: keys.size("intermediate_size")?,
            num_hidden_layers: keys.size("num_hidden_layers")?,
            num_attention_heads,
            num_key_value_heads: keys.size_or_none("num_key_value_heads")?.unwrap_or(num_attention_heads),
            head_dim: match keys.size_or_none("head_dim")? {
                Some(head_dim) => head_dim,
                None => keys.even_head_dim(hidden_size, num_attention_heads)?,
            },
            rms_norm_eps: keys.number("rms_norm_eps")?.unwrap_or(1e-6),
            rope: RopeConfig::from_keys(keys)?,
            max_position_embeddings: keys.size_or_none("max_position_embeddings")?.unwrap_or(2_048),
            attention_bias: keys.flag("attention_bias")?,
            mlp_bias: keys.flag("mlp_bias")?,
            tie_word_embeddings: keys.flag("tie_word_embeddings")?,
        })
    }

    /// The decoder that these sizes describe.
    #[must_use]
    pub fn decoder(&self) -> DecoderConfig {
        DecoderConfig {
            architecture: Architecture::Llama,
            vocab_size: self.vocab_size,
            hidden_size: self.hidden_size,
            intermediate_size: self.intermediate_size,
            num_hidden_layers: self.num_hidden_layers,
            num_attention_heads: self.num_attention_heads,
            num_key_value_heads: self.num_key_value_heads,
            head_dim: self.head_dim,
            rms_norm_eps: self.rms_norm_eps,
            rope: self.rope.clone(),
            max_position_embeddings: self.max_position_embeddings,
            qkv_bias: self.attention_bias,
            o_bias: self.attention_bias,
            mlp_bias: self.mlp_bias,
            tie_word_embeddings: self.tie_word_embeddings,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parameter counts as the model cards give them, in billions.
    #[test]
    fn public_sizes_have_the_published_parameter_counts() {
        for (config, billions) in [
            (LlamaConfig::llama3_8b(), 8.03),
            (LlamaConfig::llama3_70b(), 70.55),
            (LlamaConfig::llama3_1_8b(), 8.03),
            (LlamaConfig::llama3_1_70b(), 70.55),
            (LlamaConfig::llama3_2_1b(), 1.24),
            (LlamaConfig::llama3_2_3b(), 3.21),
        ] {
            let ours = config.decoder().num_parameters() as f64 / 1e9;
            assert!((ours - billions).abs() < 0.006, "{ours} against {billions}");
        }
    }
}
