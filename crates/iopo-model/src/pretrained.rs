//! A model from a Hugging Face folder, and back.

use std::fs;
use std::path::Path;

use burn::module::{Module, Param};
use burn::tensor::{Device, FloatDType, Tensor};
use iopo_files::{replace_file, write_file};
use serde_json::Value;

use crate::attention::GroupedQueryAttention;
use crate::causal_lm::CausalLm;
use crate::config::DecoderConfig;
use crate::decoder::{DecoderLayer, DecoderModel, Embedding};
use crate::error::{ConfigError, LoraError, WeightsError};
use crate::linear::LoraLinear;
use crate::mlp::SwiGluMlp;
use crate::norm::RmsNorm;
use crate::parameters::Parameters;
use crate::precision::Precision;
use crate::weights::{WeightFiles, refuse_shards, write_safetensors};

/// Files beside the weights that belong to a model and are carried over as they are.
const COMPANIONS: [&str; 9] = [
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "chat_template.jinja",
    "vocab.json",
    "merges.txt",
    "tokenizer.model",
];

/// Reads a folder's `config.json`.
///
/// # Errors
/// See [`ConfigError`].
pub fn load_config(dir: &Path) -> Result<DecoderConfig, ConfigError> {
    Ok(read_config(dir)?.0)
}

/// A folder's `config.json`, read and as it is written.
pub(crate) fn read_config(dir: &Path) -> Result<(DecoderConfig, String), ConfigError> {
    let path = dir.join("config.json");
    let text =
        fs::read_to_string(&path).map_err(|source| ConfigError::Read { path: path.clone(), source })?;
    Ok((DecoderConfig::from_json(&text, &path)?, text))
}

/// Loads a Hugging Face folder: every parameter frozen, without autodiff.
///
/// # Errors
/// A configuration that is not supported; weights that are missing, left over, mis-shaped, cut
/// off or not floats, each named.
pub fn load_model(dir: &Path, precision: Precision, device: &Device) -> Result<CausalLm, WeightsError> {
    let config = load_config(dir)?;
    check_precision(precision, device)?;
    let mut loader = Loader { files: WeightFiles::open_folder(dir)?, dtype: precision.weights, device };
    let model = Builder { source: &mut loader, config: &config }.causal_lm(precision)?;
    let mut files = loader.files;
    files.ignore(|name| {
        // Older files store the rotary frequencies, and a tied head twice.
        name.ends_with("rotary_emb.inv_freq") || (config.tie_word_embeddings && name == "lm_head.weight")
    });
    files.finish()?;
    Ok(model)
}

pub(crate) fn check_precision(precision: Precision, device: &Device) -> Result<(), WeightsError> {
    match precision.unsupported_on(device) {
        None => Ok(()),
        Some(dtype) => {
            Err(WeightsError::UnsupportedDtype { dtype: dtype_name(dtype), device: format!("{device:?}") })
        }
    }
}

/// Where the values of a model's parameters come from.
pub(crate) trait TensorSource {
    /// The values of the parameter of a name.
    fn tensor<const D: usize>(&mut self, name: &str, shape: [usize; D]) -> Result<Tensor<D>, WeightsError>;
}

/// Takes parameters out of files.
struct Loader<'a> {
    files: WeightFiles,
    dtype: FloatDType,
    device: &'a Device,
}

impl TensorSource for Loader<'_> {
    fn tensor<const D: usize>(&mut self, name: &str, shape: [usize; D]) -> Result<Tensor<D>, WeightsError> {
        self.files.take(name, shape, self.dtype, self.device)
    }
}

/// Makes a model of the parameters that a source gives.
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
            norm: self.norm("model.norm")?,
        };
        let lm_head = match config.tie_word_embeddings {
            true => None,
            false => Some(self.linear("lm_head", embedding, false)?),
        };
        Ok(CausalLm { model, lm_head, config: config.clone(), precision }.no_grad())
    }

    fn layer(&mut self, index: usize) -> Result<DecoderLayer, WeightsError> {
        let config = self.config;
        let (hidden, intermediate) = (config.hidden_size, config.intermediate_size);
        let query = config.num_attention_heads * config.head_dim;
        let key_value = config.num_key_value_heads * config.head_dim;
        let prefix = format!("model.layers.{index}");
        let attention = |name: &str| format!("{prefix}.self_attn.{name}");
        let mlp = |name: &str| format!("{prefix}.mlp.{name}");
        Ok(DecoderLayer {
            self_attn: GroupedQueryAttention {
                q_proj: self.linear(&attention("q_proj"), [query, hidden], config.qkv_bias)?,
                k_proj: self.linear(&attention("k_proj"), [key_value, hidden], config.qkv_bias)?,
                v_proj: self.linear(&attention("v_proj"), [key_value, hidden], config.qkv_bias)?,
                o_proj: self.linear(&attention("o_proj"), [hidden, query], config.o_bias)?,
                num_heads: config.num_attention_heads,
                num_key_value_heads: config.num_key_value_heads,
                head_dim: config.head_dim,
            },
            mlp: SwiGluMlp {
                gate_proj: self.linear(&mlp("gate_proj"), [intermediate, hidden], config.mlp_bias)?,
                up_proj: self.linear(&mlp("up_proj"), [intermediate, hidden], config.mlp_bias)?,
                down_proj: self.linear(&mlp("down_proj"), [hidden, intermediate], config.mlp_bias)?,
            },
            input_layernorm: self.norm(&format!("{prefix}.input_layernorm"))?,
            post_attention_layernorm: self.norm(&format!("{prefix}.post_attention_layernorm"))?,
        })
    }

    fn linear(&mut self, name: &str, shape: [usize; 2], bias: bool) -> Result<LoraLinear, WeightsError> {
        let weight = self.parameter(&format!("{name}.weight"), shape)?;
        let bias = bias.then(|| self.parameter(&format!("{name}.bias"), [shape[0]])).transpose()?;
        Ok(LoraLinear { weight, bias, lora: None })
    }

    fn norm(&mut self, name: &str) -> Result<RmsNorm, WeightsError> {
        let weight = self.parameter(&format!("{name}.weight"), [self.config.hidden_size])?;
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

/// Writes a model as a Hugging Face folder that transformers and vLLM load as it is.
///
/// `config.json` is that of `source` with the float type of the weights written; tokenizer,
/// chat template and generation settings are carried over. `dir` is created; existing files of
/// the same names are replaced, each when its successor is complete.
///
/// # Errors
/// The model still carries an adapter, `dir` holds a sharded model, or reading or writing fails.
pub fn save_model(model: &CausalLm, source: &Path, dir: &Path) -> Result<(), WeightsError> {
    if model.has_lora() {
        return Err(WeightsError::Lora(LoraError::AlreadyAdapted));
    }
    fs::create_dir_all(dir).map_err(|error| WeightsError::Write { path: dir.to_owned(), source: error })?;
    refuse_shards(dir)?;
    save_config(source, dir, model.precision().weights)?;
    for name in COMPANIONS {
        copy_if_present(&source.join(name), &dir.join(name))?;
    }
    write_safetensors(&dir.join("model.safetensors"), &model.parameters())
}

fn save_config(source: &Path, dir: &Path, dtype: FloatDType) -> Result<(), WeightsError> {
    let path = source.join("config.json");
    let text =
        fs::read_to_string(&path).map_err(|error| ConfigError::Read { path: path.clone(), source: error })?;
    let mut value: Value = serde_json::from_str(&text)
        .map_err(|error| ConfigError::Json { path: path.clone(), source: error })?;
    let map = value.as_object_mut().ok_or(ConfigError::NotAnObject { path })?;
    // transformers 5 renamed the key; whichever the folder came with is kept.
    let key = if map.contains_key("dtype") { "dtype" } else { "torch_dtype" };
    map.insert(key.to_owned(), Value::from(dtype_name(dtype)));
    write_text(&dir.join("config.json"), &format!("{value:#}\n"))
}

pub(crate) fn write_text(path: &Path, text: &str) -> Result<(), WeightsError> {
    write_file(path, text)
        .map_err(|error| WeightsError::Write { path: path.to_owned(), source: error.source })
}

fn copy_if_present(from: &Path, to: &Path) -> Result<(), WeightsError> {
    if !from.is_file() {
        return Ok(());
    }
    // `from` and `to` may be one file under two names, which copying in place would empty.
    replace_file(to, |temporary| fs::copy(from, temporary).map(|_| ()))
        .map_err(|source| WeightsError::Write { path: to.to_owned(), source })
}

fn dtype_name(dtype: FloatDType) -> &'static str {
    match dtype {
        FloatDType::F64 => "float64",
        FloatDType::F16 => "float16",
        FloatDType::BF16 => "bfloat16",
        _ => "float32",
    }
}
