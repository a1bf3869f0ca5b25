//! A model from a Hugging Face folder, and back.

use std::fs;
use std::path::Path;

use burn::tensor::{Device, FloatDType, Tensor};
use iopo_files::{replace_file, write_file};
use serde_json::{Map, Value};

use crate::builder::{Builder, TensorSource};
use crate::causal_lm::CausalLm;
use crate::config::DecoderConfig;
use crate::error::{ConfigError, LoraError, WeightsError};
use crate::keys;
use crate::parameters::Parameters;
use crate::precision::Precision;
use crate::weights::{WeightFiles, other_content, refuse_shards, write_safetensors};

/// The files that [`save_model`] writes: the weights, the configuration, and those that are copied unchanged.
pub const MODEL_FILES: [&str; 11] = [
    WEIGHTS,
    CONFIG,
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

const WEIGHTS: &str = "model.safetensors";
const CONFIG: &str = "config.json";

/// Reads a folder's `config.json`.
///
/// # Errors
/// See [`ConfigError`]; a folder without the file is named for what it holds instead.
pub fn load_config(dir: &Path) -> Result<DecoderConfig, ConfigError> {
    let path = dir.join("config.json");
    let text = if dir.is_dir() { keys::read_text(&path)? } else { None };
    match text {
        Some(text) => DecoderConfig::from_json(&text, &path),
        None => {
            let content =
                other_content(dir).unwrap_or_else(|| "holds no config.json, so no model".to_owned());
            Err(ConfigError::invalid(dir, content))
        }
    }
}

/// Loads a Hugging Face folder: every parameter frozen, without autodiff.
///
/// # Errors
/// A configuration that is not supported; weights that are quantised, missing, mis-shaped, cut off or
/// not floats, or that a decoder of this configuration does not have, each named. Tensors that are no
/// part of a language model are no error, and neither is a stored head that differs from the embedding
/// it is tied to: [`CausalLm::notes`] names both.
pub fn load_model(dir: &Path, precision: Precision, device: &Device) -> Result<CausalLm, WeightsError> {
    let config = load_config(dir)?;
    check_precision(precision, device)?;
    let mut files = WeightFiles::open_folder(dir)?;
    files.refuse_quantised()?;
    let wrapped = files.unwrap_names();
    let untied = if config.tie_word_embeddings { files.drop_tied_head() } else { None };
    let mut loader = Loader { files, dtype: precision.weights, device };
    let mut model = Builder { source: &mut loader, config: &config }.causal_lm(precision)?;
    let mut files = loader.files;
    // Older files store tables that follow from the configuration.
    files.ignore(|name| BUFFERS.iter().any(|buffer| name.ends_with(buffer)));
    let aside = files.set_aside(|name| name.starts_with("model.") || name.starts_with("lm_head."));
    files.finish()?;
    let place = |note: String| format!("{}: {note}", dir.display());
    model.notes = [wrapped, untied, aside].into_iter().flatten().map(place).collect();
    Ok(model)
}

/// Tensors of older files that are no parameters: rotary frequencies, their tables, and attention's mask.
const BUFFERS: [&str; 4] =
    ["rotary_emb.inv_freq", "rotary_emb.cos_cached", "rotary_emb.sin_cached", "self_attn.masked_bias"];

pub(crate) fn check_precision(precision: Precision, device: &Device) -> Result<(), WeightsError> {
    match precision.unsupported_on(device) {
        None => Ok(()),
        Some(dtype) => Err(WeightsError::Invalid {
            place: format!("{device:?}"),
            reason: format!("does not compute in {}", dtype_name(dtype)),
        }),
    }
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

/// Writes a model as a Hugging Face folder that transformers and vLLM load as it is.
///
/// `config.json` is that of `source` with the float type of the weights written; tokenizer,
/// chat template and generation settings are copied. `dir` is created; existing files of
/// the same names are replaced, each when its successor is complete.
///
/// # Errors
/// The model still carries an adapter, `dir` holds a sharded model, or reading or writing fails.
pub fn save_model(model: &CausalLm, source: &Path, dir: &Path) -> Result<(), WeightsError> {
    if model.has_lora() {
        return Err(WeightsError::Lora(LoraError::AlreadyAdapted));
    }
    fs::create_dir_all(dir).map_err(|error| WeightsError::cannot("write", dir, error))?;
    refuse_shards(dir)?;
    save_config(source, dir, model.precision().weights)?;
    for name in MODEL_FILES.iter().filter(|name| ![WEIGHTS, CONFIG].contains(name)) {
        copy_if_present(&source.join(name), &dir.join(name))?;
    }
    write_safetensors(&dir.join(WEIGHTS), &model.parameters())
}

fn save_config(source: &Path, dir: &Path, dtype: FloatDType) -> Result<(), WeightsError> {
    let mut map: Map<String, Value> = keys::read(&source.join(CONFIG))?;
    // transformers 5 renamed the key; the folder's own one is kept.
    let key = if map.contains_key("dtype") { "dtype" } else { "torch_dtype" };
    map.insert(key.to_owned(), Value::from(dtype_name(dtype)));
    write_text(&dir.join(CONFIG), &format!("{:#}\n", Value::Object(map)))
}

pub(crate) fn write_text(path: &Path, text: &str) -> Result<(), WeightsError> {
    write_file(path, text).map_err(|error| WeightsError::cannot("write", path, error.source))
}

fn copy_if_present(from: &Path, to: &Path) -> Result<(), WeightsError> {
    if !from.is_file() {
        return Ok(());
    }
    // `from` and `to` may be one file under two names, which copying in place would empty.
    replace_file(to, |temporary| fs::copy(from, temporary).map(|_| ()))
        .map_err(|source| WeightsError::cannot("write", to, source))
}

fn dtype_name(dtype: FloatDType) -> &'static str {
    match dtype {
        FloatDType::F64 => "float64",
        FloatDType::F16 => "float16",
        FloatDType::BF16 => "bfloat16",
        _ => "float32",
    }
}
