//! Adapter folders as PEFT writes them: `adapter_config.json` and `adapter_model.safetensors`.

use std::fs;
use std::path::Path;

use burn::module::{Module, Param};
use serde_json::{Value, json};

use crate::causal_lm::{CausalLm, linears, linears_mut};
use crate::config::Keys;
use crate::error::{ConfigError, LoraError, WeightsError};
use crate::lora::{LINEAR_LAYERS, LoraAdapter, LoraConfig, LoraTargets};
use crate::parameters::{NamedTensor, Parameters, peft_name};
use crate::pretrained::write_text;
use crate::weights::{WeightFiles, write_safetensors};

const CONFIG: &str = "adapter_config.json";
const WEIGHTS: &str = "adapter_model.safetensors";

/// Attaches the adapter in a PEFT folder to a model without one, and freezes everything else.
///
/// Which layers are adapted is read from the weights.
///
/// # Errors
/// A folder that cannot be read, an option of PEFT that is not supported, and weights that are
/// missing, left over or mis-shaped.
pub fn load_adapter(model: CausalLm, dir: &Path) -> Result<CausalLm, WeightsError> {
    if model.has_lora() {
        return Err(LoraError::AlreadyAdapted.into());
    }
    let config = read_config(&dir.join(CONFIG))?;
    let mut files = WeightFiles::open_file(&dir.join(WEIGHTS))?;
    let (device, dtype) = (model.device().without_autodiff(), model.precision().adapter);
    let mut model = model.no_grad();
    for (index, layer) in model.model.layers.iter_mut().enumerate() {
        for (name, linear) in linears_mut(layer) {
            let module = module_path(index, name);
            let (a_name, b_name) = (peft_name(&module, "a"), peft_name(&module, "b"));
            if files.shape(&a_name)?.is_none() && files.shape(&b_name)?.is_none() {
                continue;
            }
            let [out, input] = linear.weight.dims();
            linear.lora = Some(LoraAdapter {
                a: Param::from_tensor(files.take(&a_name, [config.rank, input], dtype, &device)?),
                b: Param::from_tensor(files.take(&b_name, [out, config.rank], dtype, &device)?),
                scale: config.scale(),
            });
        }
    }
    files.finish()?;
    if model.has_lora() { Ok(model) } else { Err(LoraError::NoAdapter.into()) }
}

/// Writes a model's adapter as a PEFT folder; `base` is recorded as the model that it belongs to.
///
/// # Errors
/// The model has no adapter, or writing fails.
pub fn save_adapter(model: &CausalLm, base: &str, dir: &Path) -> Result<(), WeightsError> {
    let config = describe(model)?;
    let LoraTargets::Named(targets) = &config.targets else {
        return Err(LoraError::NoAdapter.into());
    };
    fs::create_dir_all(dir).map_err(|source| WeightsError::Write { path: dir.to_owned(), source })?;
    let text = json!({
        "base_model_name_or_path": base,
        "bias": "none",
        "fan_in_fan_out": false,
        "inference_mode": true,
        "init_lora_weights": true,
        "lora_alpha": alpha_value(config.alpha),
        "lora_dropout": 0.0,
        "modules_to_save": null,
        "peft_type": "LORA",
        "r": config.rank,
        "target_modules": targets,
        "task_type": "CAUSAL_LM",
        "use_dora": false,
        "use_rslora": config.rank_stabilised,
    });
    write_text(&dir.join(CONFIG), &format!("{text:#}\n"))?;
    let adapter: Vec<NamedTensor> =
        model.parameters().into_iter().filter(|tensor| tensor.name.starts_with("base_model.")).collect();
    write_safetensors(&dir.join(WEIGHTS), &adapter)
}

/// Rank, scale and targets of the adapter that a model carries.
///
/// The scale is written as `alpha = scale · rank`, so `use_rslora` is never needed.
fn describe(model: &CausalLm) -> Result<LoraConfig, LoraError> {
    let mut targets = Vec::new();
    let mut shape = None;
    for layer in &model.model.layers {
        for (name, linear) in linears(layer) {
            let Some(lora) = &linear.lora else { continue };
            shape = Some((lora.a.dims()[0], lora.scale));
            if !targets.iter().any(|target| target == name) {
                targets.push(name.to_owned());
            }
        }
    }
    let (rank, scale) = shape.ok_or(LoraError::NoAdapter)?;
    Ok(LoraConfig {
        rank,
        alpha: scale * rank as f64,
        rank_stabilised: false,
        targets: LoraTargets::Named(targets),
    })
}

/// PEFT expects a whole number where the value is one.
fn alpha_value(alpha: f64) -> Value {
    if alpha.fract() == 0.0 && alpha.abs() < 1e15 { json!(alpha as i64) } else { json!(alpha) }
}

fn module_path(layer: usize, name: &str) -> String {
    let part = if LINEAR_LAYERS[..4].contains(&name) { "self_attn" } else { "mlp" };
    format!("model.layers.{layer}.{part}.{name}")
}

fn read_config(path: &Path) -> Result<LoraConfig, WeightsError> {
    let text =
        fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
    let value: Value =
        serde_json::from_str(&text).map_err(|source| ConfigError::Json { path: path.to_owned(), source })?;
    let map = value.as_object().ok_or_else(|| ConfigError::NotAnObject { path: path.to_owned() })?;
    let keys = Keys { path, map };
    refuse_unsupported(&keys)?;
    let rank = keys.size("r")?;
    if rank == 0 {
        return Err(LoraError::ZeroRank.into());
    }
    let alpha = keys.number("lora_alpha")?.ok_or_else(|| keys.missing("lora_alpha"))?;
    Ok(LoraConfig { rank, alpha, rank_stabilised: keys.flag("use_rslora")?, targets: LoraTargets::All })
}

/// Options that change what an adapter computes, and that are not implemented.
fn refuse_unsupported(keys: &Keys<'_>) -> Result<(), LoraError> {
    let harmless = |key: &str, value: &Value| match key {
        "peft_type" => value == "LORA",
        "bias" => value == "none",
        "use_dora" | "fan_in_fan_out" | "lora_bias" => value == false,
        "rank_pattern" | "alpha_pattern" => value.as_object().is_some_and(serde_json::Map::is_empty),
        _ => value.is_null() || value.as_array().is_some_and(Vec::is_empty),
    };
    for key in [
        "peft_type",
        "bias",
        "use_dora",
        "fan_in_fan_out",
        "lora_bias",
        "rank_pattern",
        "alpha_pattern",
        "modules_to_save",
        "layer_replication",
        "trainable_token_indices",
        "target_parameters",
    ] {
        if let Some(value) = keys.get(key).filter(|value| !harmless(key, value)) {
            return Err(LoraError::UnsupportedPeft {
                path: keys.path.to_owned(),
                key,
                value: value.to_string(),
            });
        }
    }
    Ok(())
}
