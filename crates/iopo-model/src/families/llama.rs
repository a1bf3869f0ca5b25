//! Llama 3, 3.1 and 3.2: no biases by default, llama3 rotary scaling.

use serde_json::{Value, json};

use super::{Family, Sizes, require_silu};
use crate::config::DecoderConfig;
use crate::error::ConfigError;
use crate::keys::Keys;
use crate::rope::{Llama3RopeScaling, RopeConfig};

pub(super) const FAMILY: Family =
    Family { model_type: "llama", architecture: "LlamaForCausalLM", read, write };

/// The public models' sizes and the factor of their rotary scaling, from the `config.json` of the repositories
/// `meta-llama/Meta-Llama-3-*`, `meta-llama/Llama-3.1-*` and `meta-llama/Llama-3.2-*`.
///
/// Llama-3.1-8B is the paper's second base model.
pub const SIZES: [(&str, Sizes, Option<f64>); 6] = [
    ("Meta-Llama-3-8B", Sizes::new(128_256, [4_096, 14_336, 32], [32, 8], false), None),
    ("Meta-Llama-3-70B", Sizes::new(128_256, [8_192, 28_672, 80], [64, 8], false), None),
    ("Llama-3.1-8B", Sizes::new(128_256, [4_096, 14_336, 32], [32, 8], false), Some(8.0)),
    ("Llama-3.1-70B", Sizes::new(128_256, [8_192, 28_672, 80], [64, 8], false), Some(8.0)),
    ("Llama-3.2-1B", Sizes::new(128_256, [2_048, 8_192, 16], [32, 8], true), Some(32.0)),
    ("Llama-3.2-3B", Sizes::new(128_256, [3_072, 8_192, 28], [24, 8], true), Some(32.0)),
];

/// A decoder of these sizes, with the public models' other settings.
#[must_use]
pub fn config(sizes: &Sizes, scaling_factor: Option<f64>) -> DecoderConfig {
    let scaling = scaling_factor.map(|factor| Llama3RopeScaling {
        factor,
        low_freq_factor: 1.0,
        high_freq_factor: 4.0,
        original_max_position_embeddings: 8_192,
    });
    DecoderConfig {
        rms_norm_eps: 1e-5,
        max_position_embeddings: if scaling.is_some() { 131_072 } else { 8_192 },
        rope: RopeConfig { theta: 500_000.0, scaling },
        ..sizes.decoder(FAMILY.model_type)
    }
}

fn read(keys: &Keys<'_>) -> Result<DecoderConfig, ConfigError> {
    require_silu(keys)?;
    let sizes = Sizes::read(keys)?;
    let attention_bias = keys.flag("attention_bias")?;
    Ok(DecoderConfig {
        head_dim: match keys.size_or_none("head_dim")? {
            Some(head_dim) => head_dim,
            None => sizes.even_head_dim(keys)?,
        },
        rms_norm_eps: keys.number("rms_norm_eps")?.unwrap_or(1e-6),
        rope: RopeConfig::from_keys(keys)?,
        max_position_embeddings: keys.size_or_none("max_position_embeddings")?.unwrap_or(2_048),
        qkv_bias: attention_bias,
        o_bias: attention_bias,
        mlp_bias: keys.flag("mlp_bias")?,
        ..config(&sizes, None)
    })
}

fn write(config: &DecoderConfig) -> Vec<(&'static str, Value)> {
    vec![
        ("attention_bias", json!(config.o_bias)),
        ("head_dim", json!(config.head_dim)),
        ("mlp_bias", json!(config.mlp_bias)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parameter counts as the model cards give them, in billions.
    #[test]
    fn public_sizes_have_the_published_parameter_counts() {
        let published = [8.03, 70.55, 8.03, 70.55, 1.24, 3.21];
        for (&(name, ref sizes, factor), billions) in SIZES.iter().zip(published) {
            let ours = config(sizes, factor).num_parameters() as f64 / 1e9;
            assert!((ours - billions).abs() < 0.006, "{name}: {ours} against {billions}");
        }
    }
}
