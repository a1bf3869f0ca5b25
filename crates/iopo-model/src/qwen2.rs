//! Qwen 1.5, 2 and 2.5: biases on queries, keys and values; tied or untied head.

use serde_json::Value;

use crate::config::{Architecture, DecoderConfig, Keys};
use crate::error::ConfigError;
use crate::rope::RopeConfig;

/// The keys of a Qwen2 `config.json` that decide the shape of the model.
///
/// Sizes of the public models come from the `config.json` of the repositories `Qwen/Qwen2-*` and
/// `Qwen/Qwen2.5-*`.
#[derive(Debug, Clone, PartialEq)]
pub struct Qwen2Config {
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
    /// Added to the mean square in the norms.
    pub rms_norm_eps: f64,
    /// Rotary position embedding.
    pub rope: RopeConfig,
    /// Longest sequence the model was made for.
    pub max_position_embeddings: usize,
    /// Whether the head shares the embedding's matrix.
    pub tie_word_embeddings: bool,
}

impl Qwen2Config {
    const fn public(
        vocab_size: usize,
        [hidden_size, intermediate_size, num_hidden_layers]: [usize; 3],
        [num_attention_heads, num_key_value_heads]: [usize; 2],
        tie_word_embeddings: bool,
    ) -> Self {
        Self {
            vocab_size,
            hidden_size,
            intermediate_size,
            num_hidden_layers,
            num_attention_heads,
            num_key_value_heads,
            rms_norm_eps: 1e-6,
            rope: RopeConfig { theta: 1_000_000.0, scaling: None },
            max_position_embeddings: 32_768,
            tie_word_embeddings,
        }
    }

    /// Qwen2-0.5B(-Instruct); Qwen2.5-0.5B has the same sizes.
    #[must_use]
    pub const fn qwen2_0_5b() -> Self {
        Self::public(151_936, [896, 4_864, 24], [14, 2], true)
    }

    /// Qwen2-1.5B(-Instruct); Qwen2.5-1.5B has the same sizes.
    #[must_use]
    pub const fn qwen2_1_5b() -> Self {
        Self::public(151_936, [1_536, 8_960, 28], [12, 2], true)
    }

    /// Qwen2.5-3B(-Instruct).
    #[must_use]
    pub const fn qwen2_5_3b() -> Self {
        Self::public(151_936, [2_048, 11_008, 36], [16, 2], true)
    }

    /// Qwen2-7B(-Instruct), the paper's first base model; Qwen2.5-7B has the same sizes.
    #[must_use]
    pub const fn qwen2_7b() -> Self {
        Self::public(152_064, [3_584, 18_944, 28], [28, 4], false)
    }

    /// Qwen2.5-14B(-Instruct).
    #[must_use]
    pub const fn qwen2_5_14b() -> Self {
        Self::public(152_064, [5_120, 13_824, 48], [40, 8], false)
    }

    /// Qwen2.5-32B(-Instruct).
    #[must_use]
    pub const fn qwen2_5_32b() -> Self {
        Self::public(152_064, [5_120, 27_648, 64], [40, 8], false)
    }

    /// Qwen2-72B(-Instruct), which built TRACE; Qwen2.5-72B has the same sizes.
    #[must_use]
    pub const fn qwen2_72b() -> Self {
        Self::public(152_064, [8_192, 29_568, 80], [64, 8], false)
    }

    pub(crate) fn from_keys(keys: &Keys<'_>) -> Result<Self, ConfigError> {
        keys.require_silu()?;
        if keys.flag("use_sliding_window")? {
            return Err(keys.unsupported("use_sliding_window", true, "false"));
        }
        require_full_attention(keys)?;
        let hidden_size = keys.size("hidden_size")?;
        let num_attention_heads = keys.size("num_attention_heads")?;
        let head_dim = keys.even_head_dim(hidden_size, num_attention_heads)?;
        if let Some(other) = keys.size_or_none("head_dim")?.filter(|&other| other != head_dim) {
            return Err(keys.unsupported("head_dim", other, "hidden_size / num_attention_heads"));
        }
        Ok(Self {
            vocab_size: keys.size("vocab_size")?,
            hidden_size,
            intermediate_size: keys.size("intermediate_size")?,
            num_hidden_layers: keys.size("num_hidden_layers")?,
            num_attention_heads,
            num_key_value_heads: keys.size_or_none("num_key_value_heads")?.unwrap_or(num_attention_heads),
            rms_norm_eps: keys.number("rms_norm_eps")?.unwrap_or(1e-6),
            rope: RopeConfig::from_keys(keys)?,
            max_position_embeddings: keys.size_or_none("max_position_embeddings")?.unwrap_or(32_768),
            tie_word_embeddings: keys.flag("tie_word_embeddings")?,
        })
    }

    /// The decoder that these sizes describe.
    #[must_use]
    pub fn decoder(&self) -> DecoderConfig {
        DecoderConfig {
            architecture: Architecture::Qwen2,
            vocab_size: self.vocab_size,
            hidden_size: self.hidden_size,
            intermediate_size: self.intermediate_size,
            num_hidden_layers: self.num_hidden_layers,
            num_attention_heads: self.num_attention_heads,
            num_key_value_heads: self.num_key_value_heads,
            head_dim: self.hidden_size / self.num_attention_heads.max(1),
            rms_norm_eps: self.rms_norm_eps,
            rope: self.rope.clone(),
            max_position_embeddings: self.max_position_embeddings,
            qkv_bias: true,
            o_bias: false,
            mlp_bias: false,
            tie_word_embeddings: self.tie_word_embeddings,
        }
    }
}

/// transformers 5 lists the kind of attention of every layer.
fn require_full_attention(keys: &Keys<'_>) -> Result<(), ConfigError> {
    let kinds = match keys.get("layer_types") {
        None => return Ok(()),
        Some(Value::Array(kinds)) => kinds,
        Some(other) => return Err(keys.wrong_type("layer_types", "an array", other)),
    };
    match kinds.iter().find(|kind| kind.as_str() != Some("full_attention")) {
        None => Ok(()),
        Some(kind) => Err(keys.unsupported("layer_types", kind, "full_attention")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parameter counts as the model cards give them, in billions.
    #[test]
    fn public_sizes_have_the_published_parameter_counts() {
        for (config, billions) in [
            (Qwen2Config::qwen2_0_5b(), 0.49),
            (Qwen2Config::qwen2_1_5b(), 1.54),
            (Qwen2Config::qwen2_5_3b(), 3.09),
            (Qwen2Config::qwen2_7b(), 7.62),
            (Qwen2Config::qwen2_5_14b(), 14.77),
            (Qwen2Config::qwen2_5_32b(), 32.76),
            (Qwen2Config::qwen2_72b(), 72.71),
        ] {
            let ours = config.decoder().num_parameters() as f64 / 1e9;
            assert!((ours - billions).abs() < 0.006, "{ours} against {billions}");
        }
    }
}
