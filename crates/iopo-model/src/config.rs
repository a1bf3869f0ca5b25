//! What a decoder is made of, read from a Hugging Face `config.json`.

use std::path::Path;

use serde_json::{Map, Value};

use crate::error::ConfigError;
use crate::rope::RopeConfig;
use crate::{LlamaConfig, Qwen2Config};

/// The architectures that this crate can run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Architecture {
    /// Qwen 1.5, 2 and 2.5 (`model_type: qwen2`).
    Qwen2,
    /// Llama 3, 3.1 and 3.2 (`model_type: llama`).
    Llama,
}

/// The sizes and options of a decoder, with the field names of `config.json`.
#[derive(Debug, Clone, PartialEq)]
pub struct DecoderConfig {
    /// Which family the weights belong to.
    pub architecture: Architecture,
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
    /// Added to the mean square in [`crate::RmsNorm`].
    pub rms_norm_eps: f64,
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
    /// Whether the head shares the embedding's matrix.
    pub tie_word_embeddings: bool,
}

impl DecoderConfig {
    /// Reads the text of a `config.json` in the form of transformers 4 or 5.
    ///
    /// # Errors
    /// Invalid JSON, an architecture or option that this crate does not implement, a missing or
    /// wrong-typed key, and sizes that do not fit together.
    pub fn from_json(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let value: Value = serde_json::from_str(text)
            .map_err(|source| ConfigError::Json { path: path.to_owned(), source })?;
        let keys = Keys {
            path,
            map: value.as_object().ok_or_else(|| ConfigError::NotAnObject { path: path.to_owned() })?,
        };
        let config = match keys.string("model_type")? {
            "qwen2" => Qwen2Config::from_keys(&keys)?.decoder(),
            "llama" => LlamaConfig::from_keys(&keys)?.decoder(),
            other => return Err(keys.unsupported("model_type", other, "qwen2, llama")),
        };
        config.validate(path)?;
        Ok(config)
    }

    pub(crate) fn validate(&self, path: &Path) -> Result<(), ConfigError> {
        let invalid = |reason: String| ConfigError::Invalid { path: path.to_owned(), reason };
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
        if let Err(reason) = self.rope.validate() {
            return Err(invalid(reason));
        }
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
            sum(&[h, h])?,
        ])?;
        let matrices = if self.tie_word_embeddings { 1 } else { 2 };
        sum(&[product(&[matrices, self.vocab_size, h])?, product(&[self.num_hidden_layers, layer])?, h])
    }
}

/// Typed access to the keys of a `config.json`, with errors that name file and key.
pub(crate) struct Keys<'a> {
    pub(crate) path: &'a Path,
    pub(crate) map: &'a Map<String, Value>,
}

impl<'a> Keys<'a> {
    /// The value of `key`; JSON null counts as absent.
    pub(crate) fn get(&self, key: &str) -> Option<&'a Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    /// The object below `key`, if it is there.
    pub(crate) fn object(&self, key: &'static str) -> Result<Option<Keys<'a>>, ConfigError> {
        self.get(key)
            .map(|value| match value.as_object() {
                Some(map) => Ok(Keys { path: self.path, map }),
                None => Err(self.wrong_type(key, "an object", value)),
            })
            .transpose()
    }

    pub(crate) fn string(&self, key: &'static str) -> Result<&'a str, ConfigError> {
        let value = self.get(key).ok_or_else(|| self.missing(key))?;
        value.as_str().ok_or_else(|| self.wrong_type(key, "a string", value))
    }

    pub(crate) fn size(&self, key: &'static str) -> Result<usize, ConfigError> {
        self.size_or_none(key)?.ok_or_else(|| self.missing(key))
    }

    pub(crate) fn size_or_none(&self, key: &'static str) -> Result<Option<usize>, ConfigError> {
        self.get(key)
            .map(|value| {
                value
                    .as_u64()
                    .and_then(|size| usize::try_from(size).ok())
                    .ok_or_else(|| self.wrong_type(key, "a non-negative integer", value))
            })
            .transpose()
    }

    pub(crate) fn number(&self, key: &'static str) -> Result<Option<f64>, ConfigError> {
        self.get(key)
            .map(|value| value.as_f64().ok_or_else(|| self.wrong_type(key, "a number", value)))
            .transpose()
    }

    pub(crate) fn flag(&self, key: &'static str) -> Result<bool, ConfigError> {
        self.get(key).map_or(Ok(false), |value| {
            value.as_bool().ok_or_else(|| self.wrong_type(key, "true or false", value))
        })
    }

    /// `hidden_size / num_attention_heads`, where that leaves no remainder.
    pub(crate) fn even_head_dim(&self, hidden_size: usize, heads: usize) -> Result<usize, ConfigError> {
        if heads == 0 || !hidden_size.is_multiple_of(heads) {
            return Err(ConfigError::Invalid {
                path: self.path.to_owned(),
                reason: format!("hidden_size {hidden_size} is not a multiple of num_attention_heads {heads}"),
            });
        }
        Ok(hidden_size / heads)
    }

    /// Refuses any activation but SiLU, which is what both families use.
    pub(crate) fn require_silu(&self) -> Result<(), ConfigError> {
        match self.get("hidden_act") {
            None => Ok(()),
            Some(Value::String(act)) if act == "silu" => Ok(()),
            Some(other) => Err(self.unsupported("hidden_act", other, "silu")),
        }
    }

    pub(crate) fn missing(&self, key: &'static str) -> ConfigError {
        ConfigError::MissingKey { path: self.path.to_owned(), key }
    }

    pub(crate) fn unsupported(
        &self,
        key: &'static str,
        value: impl std::fmt::Display,
        supported: &'static str,
    ) -> ConfigError {
        ConfigError::Unsupported { path: self.path.to_owned(), key, value: value.to_string(), supported }
    }

    pub(crate) fn wrong_type(&self, key: &'static str, expected: &'static str, value: &Value) -> ConfigError {
        ConfigError::WrongType { path: self.path.to_owned(), key, expected, found: value.to_string() }
    }
}
