//! Qwen 1.5, 2 and 2.5: biases on queries, keys and values; tied or untied LM head.

use serde_json::{Value, json};

use super::{Family, Sizes, require_silu};
use crate::config::DecoderConfig;
use crate::error::ConfigError;
use crate::keys::Keys;
use crate::rope::RopeConfig;

pub(super) const FAMILY: Family =
    Family { model_type: "qwen2", architecture: "Qwen2ForCausalLM", read, write };

/// The public models' sizes, from the `config.json` of the repositories `Qwen/Qwen2-*` and `Qwen/Qwen2.5-*`.
///
/// Qwen2.5-0.5B, 1.5B, 7B and 72B have the sizes of Qwen2. Qwen2-7B is the paper's first base model, and Qwen2-72B
/// built TRACE.
pub const SIZES: [(&str, Sizes); 7] = [
    ("Qwen2-0.5B", Sizes::new(151_936, [896, 4_864, 24], [14, 2], true)),
    ("Qwen2-1.5B", Sizes::new(151_936, [1_536, 8_960, 28], [12, 2], true)),
    ("Qwen2.5-3B", Sizes::new(151_936, [2_048, 11_008, 36], [16, 2], true)),
    ("Qwen2-7B", Sizes::new(152_064, [3_584, 18_944, 28], [28, 4], false)),
    ("Qwen2.5-14B", Sizes::new(152_064, [5_120, 13_824, 48], [40, 8], false)),
    ("Qwen2.5-32B", Sizes::new(152_064, [5_120, 27_648, 64], [40, 8], false)),
    ("Qwen2-72B", Sizes::new(152_064, [8_192, 29_568, 80], [64, 8], false)),
];

/// A decoder of these sizes, with the public models' other settings.
///
/// `sizes` are `hidden_size`, `intermediate_size` and `num_hidden_layers`, `heads` are
/// `num_attention_heads` and `num_key_value_heads`; other fields can be set afterwards.
#[must_use]
pub fn of_sizes(
    vocab_size: usize,
    sizes: [usize; 3],
    heads: [usize; 2],
    tie_word_embeddings: bool,
) -> DecoderConfig {
    config(&Sizes::new(vocab_size, sizes, heads, tie_word_embeddings))
}

/// A decoder of these sizes, with the public models' other settings.
#[must_use]
pub fn config(sizes: &Sizes) -> DecoderConfig {
    DecoderConfig {
        rope: RopeConfig { theta: 1_000_000.0, scaling: None },
        max_position_embeddings: 32_768,
        qkv_bias: true,
        ..sizes.decoder(FAMILY.model_type)
    }
}

fn read(keys: &Keys<'_>) -> Result<DecoderConfig, ConfigError> {
    require_silu(keys)?;
    if keys.flag("use_sliding_window")? {
        return Err(keys.unsupported("use_sliding_window", true, "false"));
    }
    require_full_attention(keys)?;
    let sizes = Sizes::read(keys)?;
    let head_dim = sizes.even_head_dim(keys)?;
    if let Some(other) = keys.size_or_none("head_dim")?.filter(|&other| other != head_dim) {
        return Err(keys.unsupported("head_dim", other, "hidden_size / num_attention_heads"));
    }
    Ok(DecoderConfig {
        rms_norm_eps: keys.number("rms_norm_eps")?.unwrap_or(1e-6),
        rope: RopeConfig::from_keys(keys)?,
        max_position_embeddings: keys.size_or_none("max_position_embeddings")?.unwrap_or(32_768),
        ..config(&sizes)
    })
}

fn write(config: &DecoderConfig) -> Vec<(&'static str, Value)> {
    vec![("max_window_layers", json!(config.num_hidden_layers)), ("use_sliding_window", json!(false))]
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
        let published = [0.49, 1.54, 3.09, 7.62, 14.77, 32.76, 72.71];
        for ((name, sizes), billions) in SIZES.iter().zip(published) {
            let ours = config(sizes).num_parameters() as f64 / 1e9;
            assert!((ours - billions).abs() < 0.006, "{name}: {ours} against {billions}");
        }
    }
}
