//! Keys of reference models and of sequences, by content.

use std::collections::BTreeMap;
use std::fmt;

use burn::tensor::DType;
use iopo_data::TokenSequence;
use iopo_model::kernels::Activation;
use iopo_model::{
    CausalLm, DecoderConfig, Llama3RopeScaling, LoraLinear, NormPlacement, Parameters, Precision,
    QueryKeyNorm, RopeConfig,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::error::TrainError;

/// SHA-256 of everything that decides a model's log-probs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fingerprint(pub(super) [u8; 32]);

impl Fingerprint {
    /// Hashes sizes, float types, adapter scales, and each tensor's name, type, shape and values.
    ///
    /// Where the weights lie, and when they were written, does not enter.
    pub(crate) fn of(model: &CausalLm) -> Result<Self, TrainError> {
        let mut hash = Framed::new("iopo reference model");
        hash.add(architecture(model.config()).to_string().as_bytes());
        let Precision { weights, adapter, loss } = model.precision();
        for dtype in [weights, adapter, loss] {
            hash.add(DType::from(dtype).name().as_bytes());
        }
        for scale in adapter_scales(model) {
            hash.add(&scale.to_le_bytes());
        }
        for tensor in model.parameters() {
            let data = tensor.values.try_to_data().map_err(|error| TrainError::Device {
                what: "the reference's weights",
                reason: error.to_string(),
            })?;
            hash.add(tensor.name.as_bytes());
            hash.add(data.dtype().name().as_bytes());
            hash.add(json!(tensor.shape).to_string().as_bytes());
            hash.add(data.as_bytes());
        }
        Ok(Self(hash.finish()))
    }
}

/// What of a configuration decides log-probs beside the tensors, by name; options at their first value are left out, so
/// that another option of the decoder leaves the fingerprints of models without it as they are.
fn architecture(config: &DecoderConfig) -> Value {
    // Without `..`, so that a further field cannot be forgotten.
    let DecoderConfig {
        model_type: _,
        vocab_size,
        hidden_size,
        intermediate_size,
        num_hidden_layers,
        num_attention_heads,
        num_key_value_heads,
        head_dim,
        attention_scale,
        query_key_norm,
        norm_placement,
        rms_norm_eps,
        activation,
        rope: RopeConfig { theta, scaling },
        max_position_embeddings: _,
        qkv_bias,
        o_bias,
        mlp_bias,
        tie_word_embeddings,
    } = config;
    let mut keys = BTreeMap::from([
        ("vocab_size", json!(vocab_size)),
        ("hidden_size", json!(hidden_size)),
        ("intermediate_size", json!(intermediate_size)),
        ("num_hidden_layers", json!(num_hidden_layers)),
        ("num_attention_heads", json!(num_attention_heads)),
        ("num_key_value_heads", json!(num_key_value_heads)),
        ("head_dim", json!(head_dim)),
        ("rms_norm_eps", json!(rms_norm_eps)),
        ("rope_theta", json!(theta)),
        ("qkv_bias", json!(qkv_bias)),
        ("o_bias", json!(o_bias)),
        ("mlp_bias", json!(mlp_bias)),
        ("tie_word_embeddings", json!(tie_word_embeddings)),
    ]);
    if let Some(scale) = attention_scale {
        keys.insert("attention_scale", json!(scale));
    }
    if let Some(norm) = query_key_norm {
        let name = match norm {
            QueryKeyNorm::PerHead => "per head",
            QueryKeyNorm::FullWidth => "full width",
        };
        keys.insert("query_key_norm", json!(name));
    }
    match norm_placement {
        NormPlacement::Before => None,
        NormPlacement::After => keys.insert("norm_placement", json!("after")),
        NormPlacement::Both => keys.insert("norm_placement", json!("both")),
    };
    match activation {
        Activation::Silu => None,
        Activation::GeluTanh => keys.insert("activation", json!("gelu_tanh")),
    };
    if let Some(Llama3RopeScaling {
        factor,
        low_freq_factor,
        high_freq_factor,
        original_max_position_embeddings,
    }) = scaling
    {
        let numbers = json!([factor, low_freq_factor, high_freq_factor, original_max_position_embeddings]);
        keys.insert("rope_scaling: llama3", numbers);
    }
    json!(keys)
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", base16ct::HexDisplay(&self.0))
    }
}

/// The factors of all adapters, in the order of the layers: they are not among the tensors.
fn adapter_scales(model: &CausalLm) -> impl Iterator<Item = f64> + '_ {
    linears(model).filter_map(|linear| linear.lora.as_ref()).map(|lora| lora.scale)
}

fn linears(model: &CausalLm) -> impl Iterator<Item = &LoraLinear> {
    model.model.layers.iter().flat_map(|layer| layer.linears()).map(|(_, linear)| linear)
}

/// The model without adapters that change nothing, such as new ones.
///
/// A new adapter's A is sampled from the seed, but its B is zero: with another seed or rank the
/// reference is the same model, and so are its numbers.
pub(crate) fn without_idle_adapters(model: CausalLm) -> Result<CausalLm, TrainError> {
    Ok(if adapters_are_idle(&model)? { model.without_lora() } else { model })
}

fn adapters_are_idle(model: &CausalLm) -> Result<bool, TrainError> {
    for lora in linears(model).filter_map(|linear| linear.lora.as_ref()) {
        let largest = lora
            .b
            .val()
            .without_autodiff()
            .abs()
            .max()
            .try_into_scalar::<f64>()
            .map_err(|error| TrainError::Device { what: "an adapter", reason: error.to_string() })?;
        // Written so that NaN is not idle.
        if largest != 0.0 {
            return Ok(false);
        }
    }
    Ok(true)
}

/// SHA-256 of a prompt's and a completion's token ids.
///
/// Template, end token and length limit act on the ids, so they are not hashed themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SequenceKey(pub(super) [u8; 32]);

impl SequenceKey {
    pub(crate) fn of(sequence: &TokenSequence) -> Self {
        let mut hash = Framed::new("iopo sequence");
        for part in [&sequence.prompt, &sequence.completion] {
            let bytes: Vec<u8> = part.iter().flat_map(|id| id.to_le_bytes()).collect();
            hash.add(&bytes);
        }
        Self(hash.finish())
    }
}

/// A hash of parts, each after its length, so that no two lists of parts read alike.
pub(super) struct Framed(Sha256);

impl Framed {
    pub(super) fn new(what: &str) -> Self {
        let mut framed = Self(Sha256::new());
        framed.add(what.as_bytes());
        framed
    }

    pub(super) fn add(&mut self, part: &[u8]) {
        self.0.update((part.len() as u64).to_le_bytes());
        self.0.update(part);
    }

    pub(super) fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> DecoderConfig {
        let text = r#"{"model_type":"qwen2","vocab_size":8,"hidden_size":4,"intermediate_size":6,"num_hidden_layers":1,
            "num_attention_heads":2,"num_key_value_heads":1}"#;
        DecoderConfig::from_json(text, std::path::Path::new("config.json")).unwrap()
    }

    /// Reference log-probs on disk are found by this text: whoever changes it sends users' numbers away.
    #[test]
    fn the_words_of_an_architecture_stay_as_they_are() {
        assert_eq!(
            architecture(&config()).to_string(),
            r#"{"head_dim":2,"hidden_size":4,"intermediate_size":6,"mlp_bias":false,"num_attention_heads":2,"num_hidden_layers":1,"num_key_value_heads":1,"o_bias":false,"qkv_bias":true,"rms_norm_eps":1e-6,"rope_theta":10000.0,"tie_word_embeddings":false,"vocab_size":8}"#
        );
    }

    #[test]
    fn every_option_that_changes_log_probs_changes_the_architecture() {
        let plain = architecture(&config());
        let changed = [
            DecoderConfig { attention_scale: Some(0.5), ..config() },
            DecoderConfig { query_key_norm: Some(QueryKeyNorm::PerHead), ..config() },
            DecoderConfig { query_key_norm: Some(QueryKeyNorm::FullWidth), ..config() },
            DecoderConfig { norm_placement: NormPlacement::After, ..config() },
            DecoderConfig { norm_placement: NormPlacement::Both, ..config() },
            DecoderConfig { activation: Activation::GeluTanh, ..config() },
            DecoderConfig { rms_norm_eps: 1e-5, ..config() },
        ];
        let mut seen = vec![plain];
        for config in changed {
            let described = architecture(&config);
            assert!(!seen.contains(&described), "{described}");
            seen.push(described);
        }
    }
}
