//! The families of decoders that this crate can run.
//!
//! A family is a file that says how its `config.json` maps to a [`DecoderConfig`] and back, and a line in
//! `FAMILIES`. Its weights have the names of the modules in [`decoder`](crate::DecoderLayer).

pub mod llama;
pub mod qwen2;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::config::{DecoderConfig, INITIALIZER_RANGE, NormPlacement};
use crate::error::{ConfigError, WeightsError};
use crate::kernels::Activation;
use crate::keys::{Keys, parse};
use crate::pretrained::write_text;
use crate::rope::RopeConfig;
use crate::weights::refuse_quantised_config;

/// The families, by `model_type`.
const FAMILIES: &[Family] = &[llama::FAMILY, qwen2::FAMILY];

/// How a family's `config.json` is read and written.
struct Family {
    /// Its name in `config.json`.
    model_type: &'static str,
    /// Its class in transformers.
    architecture: &'static str,
    /// Reads the keys of a `config.json`.
    read: fn(&Keys<'_>) -> Result<DecoderConfig, ConfigError>,
    /// The keys that a `config.json` has in this family beside those that all have.
    write: fn(&DecoderConfig) -> Vec<(&'static str, Value)>,
}

/// Sizes of a model, as its `config.json` has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// `vocab_size`.
    pub vocab_size: usize,
    /// `hidden_size`.
    pub hidden_size: usize,
    /// `intermediate_size`.
    pub intermediate_size: usize,
    /// `num_hidden_layers`.
    pub num_hidden_layers: usize,
    /// `num_attention_heads`.
    pub num_attention_heads: usize,
    /// `num_key_value_heads`.
    pub num_key_value_heads: usize,
    /// `tie_word_embeddings`.
    pub tie_word_embeddings: bool,
}

impl Sizes {
    /// Vocabulary; hidden size, intermediate size and layers; heads and key-value heads; whether the LM head is tied.
    const fn new(
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
            tie_word_embeddings,
        }
    }

    /// A decoder of these sizes with the layer of Llama, without biases.
    fn decoder(&self, model_type: &'static str) -> DecoderConfig {
        DecoderConfig {
            model_type,
            vocab_size: self.vocab_size,
            hidden_size: self.hidden_size,
            intermediate_size: self.intermediate_size,
            num_hidden_layers: self.num_hidden_layers,
            num_attention_heads: self.num_attention_heads,
            num_key_value_heads: self.num_key_value_heads,
            head_dim: self.hidden_size / self.num_attention_heads.max(1),
            attention_scale: None,
            query_key_norm: None,
            norm_placement: NormPlacement::Before,
            rms_norm_eps: 1e-6,
            activation: Activation::Silu,
            rope: RopeConfig { theta: 10_000.0, scaling: None },
            max_position_embeddings: 2_048,
            qkv_bias: false,
            o_bias: false,
            mlp_bias: false,
            tie_word_embeddings: self.tie_word_embeddings,
        }
    }

    /// The keys that all families have.
    fn read(keys: &Keys<'_>) -> Result<Self, ConfigError> {
        let num_attention_heads = keys.size("num_attention_heads")?;
        Ok(Self {
            vocab_size: keys.size("vocab_size")?,
            hidden_size: keys.size("hidden_size")?,
            intermediate_size: keys.size("intermediate_size")?,
            num_hidden_layers: keys.size("num_hidden_layers")?,
            num_attention_heads,
            num_key_value_heads: keys.size_or_none("num_key_value_heads")?.unwrap_or(num_attention_heads),
            tie_word_embeddings: keys.flag("tie_word_embeddings")?,
        })
    }

    /// `hidden_size / num_attention_heads`, where that leaves no remainder.
    fn even_head_dim(&self, keys: &Keys<'_>) -> Result<usize, ConfigError> {
        let (hidden_size, heads) = (self.hidden_size, self.num_attention_heads);
        if heads == 0 || !hidden_size.is_multiple_of(heads) {
            return Err(keys.invalid(format!(
                "hidden_size {hidden_size} is not a multiple of num_attention_heads {heads}"
            )));
        }
        Ok(hidden_size / heads)
    }
}

/// Refuses any activation but SiLU.
fn require_silu(keys: &Keys<'_>) -> Result<(), ConfigError> {
    match keys.get("hidden_act") {
        None => Ok(()),
        Some(Value::String(act)) if act == "silu" => Ok(()),
        Some(other) => Err(keys.unsupported("hidden_act", other, "silu")),
    }
}

impl DecoderConfig {
    /// Reads the text of a `config.json` in the form of transformers 4 or 5.
    ///
    /// # Errors
    /// Invalid JSON, an architecture or option that this crate does not implement, a missing or
    /// wrong-typed key, and sizes that do not fit together.
    pub fn from_json(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let keys = Keys { path, map: &parse(text, path)? };
        let model_type = keys.string("model_type")?;
        let family = FAMILIES.iter().find(|family| family.model_type == model_type).ok_or_else(|| {
            let supported: Vec<_> = FAMILIES.iter().map(|family| family.model_type).collect();
            keys.unsupported("model_type", model_type, &supported.join(", "))
        })?;
        refuse_quantised_config(&keys)?;
        let config = (family.read)(&keys)?;
        config.validate(path)?;
        Ok(config)
    }

    /// Writes `config.json` for a model of these sizes; the folder is created, an existing file replaced.
    ///
    /// # Errors
    /// Sizes that do not fit together, a configuration that this family's `config.json` has no keys for, and a file
    /// that cannot be written.
    pub fn write(&self, dir: &Path) -> Result<(), WeightsError> {
        let path = dir.join("config.json");
        let text = format!("{:#}\n", self.to_json());
        if Self::from_json(&text, &path)? != *self {
            let family = self.model_type;
            let reason =
                format!("the config.json of a `{family}` model has no keys for some options of this one");
            return Err(ConfigError::invalid(&path, reason).into());
        }
        fs::create_dir_all(dir).map_err(|source| WeightsError::cannot("write", dir, source))?;
        write_text(&path, &text)
    }

    /// The keys in the form of transformers 4, which 5 reads as well.
    fn to_json(&self) -> Value {
        let scaling = self.rope.scaling.as_ref().map(|scaling| {
            json!({
                "rope_type": "llama3",
                "factor": scaling.factor,
                "low_freq_factor": scaling.low_freq_factor,
                "high_freq_factor": scaling.high_freq_factor,
                "original_max_position_embeddings": scaling.original_max_position_embeddings,
            })
        });
        let mut keys = BTreeMap::from([
            ("attention_dropout", json!(0.0)),
            ("hidden_act", json!("silu")),
            ("hidden_size", json!(self.hidden_size)),
            ("initializer_range", json!(INITIALIZER_RANGE)),
            ("intermediate_size", json!(self.intermediate_size)),
            ("max_position_embeddings", json!(self.max_position_embeddings)),
            ("model_type", json!(self.model_type)),
            ("num_attention_heads", json!(self.num_attention_heads)),
            ("num_hidden_layers", json!(self.num_hidden_layers)),
            ("num_key_value_heads", json!(self.num_key_value_heads)),
            ("rms_norm_eps", json!(self.rms_norm_eps)),
            ("rope_scaling", json!(scaling)),
            ("rope_theta", json!(self.rope.theta)),
            ("tie_word_embeddings", json!(self.tie_word_embeddings)),
            ("torch_dtype", json!("float32")),
            ("use_cache", json!(true)),
            ("vocab_size", json!(self.vocab_size)),
        ]);
        if let Some(family) = FAMILIES.iter().find(|family| family.model_type == self.model_type) {
            keys.insert("architectures", json!([family.architecture]));
            keys.extend((family.write)(self));
        }
        keys.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }
}
