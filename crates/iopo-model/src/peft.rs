//! Adapter folders as PEFT writes them: `adapter_config.json` and `adapter_model.safetensors`.

use std::fs;
use std::path::Path;

use burn::module::{Module, Param};
use iopo_files::excerpt;
use serde_json::{Value, json};

use crate::causal_lm::CausalLm;
use crate::decoder::LINEAR_LAYERS;
use crate::error::{LoraError, WeightsError};
use crate::keys::{self, Keys};
use crate::linear::LoraAdapter;
use crate::lora::lora_scale;
use crate::parameters::{NamedTensor, Parameters, peft_name};
use crate::pretrained::write_text;
use crate::weights::{WeightFiles, write_safetensors};

const CONFIG: &str = "adapter_config.json";
const WEIGHTS: &str = "adapter_model.safetensors";

/// Attaches the adapter in a PEFT folder to a model without one, and freezes everything else.
///
/// The weights say which layers are adapted; those that `target_modules` lists must be among them.
///
/// # Errors
/// A folder that cannot be read, an option of PEFT that is not supported, and weights that are
/// missing, left over or mis-shaped.
pub fn load_adapter(model: CausalLm, dir: &Path) -> Result<CausalLm, WeightsError> {
    if model.has_lora() {
        return Err(LoraError::AlreadyAdapted.into());
    }
    check_folder(dir)?;
    let config = PeftConfig::read(&dir.join(CONFIG))?;
    let mut files = WeightFiles::open_file(&dir.join(WEIGHTS))?;
    let (device, dtype) = (model.device().without_autodiff(), model.precision().adapter);
    let mut model = model.no_grad();
    for (index, layer) in model.model.layers.iter_mut().enumerate() {
        for (name, linear) in layer.linears_mut() {
            let module = module_path(index, name);
            let (a_name, b_name) = (peft_name(&module, "a"), peft_name(&module, "b"));
            let stored = files.shape(&a_name).is_some() || files.shape(&b_name).is_some();
            if !stored && !config.targets(&module) {
                continue;
            }
            let [out, input] = linear.weight.dims();
            linear.lora = Some(LoraAdapter {
                a: Param::from_tensor(files.take(&a_name, [config.rank, input], dtype, &device)?),
                b: Param::from_tensor(files.take(&b_name, [out, config.rank], dtype, &device)?),
                scale: config.scale,
            });
        }
    }
    files.finish()?;
    if model.has_lora() { Ok(model) } else { Err(LoraError::NoAdapter.into()) }
}

/// Names a folder that lacks one of the two files for what it holds instead.
fn check_folder(dir: &Path) -> Result<(), WeightsError> {
    let Some(missing) = [CONFIG, WEIGHTS].into_iter().find(|name| !dir.join(name).exists()) else {
        return Ok(());
    };
    let reason = if !dir.is_dir() {
        "no such folder; nothing is downloaded, so give the path of a folder with the adapter".to_owned()
    } else if dir.join("adapter_model.bin").exists() {
        format!(
            "holds adapter_model.bin, a Python pickle, which is not read; write the adapter as {WEIGHTS} \
             (`save_pretrained` in PEFT)"
        )
    } else if dir.join("config.json").exists() {
        format!("holds a model and no {missing}: it is not an adapter's folder")
    } else {
        format!("holds no {missing}: an adapter's folder has {CONFIG} and {WEIGHTS}")
    };
    Err(WeightsError::invalid(dir, reason))
}

/// Writes a model's adapter as a PEFT folder; `base` is recorded as the model that it belongs to.
///
/// # Errors
/// The model has no adapter, its layers carry adapters of different ranks or scales, or writing fails.
pub fn save_adapter(model: &CausalLm, base: &str, dir: &Path) -> Result<(), WeightsError> {
    let adapter = describe(model)?;
    fs::create_dir_all(dir).map_err(|source| WeightsError::cannot("write", dir, source))?;
    let (alpha, rank_stabilised) = alpha_and_stabilised(adapter.rank, adapter.scale);
    let text = json!({
        "base_model_name_or_path": base,
        "bias": "none",
        "fan_in_fan_out": false,
        "inference_mode": true,
        "init_lora_weights": true,
        "lora_alpha": alpha_value(alpha),
        "lora_dropout": 0.0,
        "modules_to_save": null,
        "peft_type": "LORA",
        "r": adapter.rank,
        "target_modules": adapter.targets,
        "task_type": "CAUSAL_LM",
        "use_dora": false,
        "use_rslora": rank_stabilised,
    });
    write_text(&dir.join(CONFIG), &format!("{text:#}\n"))?;
    let matrices: Vec<NamedTensor> =
        model.parameters().into_iter().filter(|tensor| tensor.name.starts_with("base_model.")).collect();
    write_safetensors(&dir.join(WEIGHTS), &matrices)
}

/// The content of `adapter_config.json` for the adapters of a model.
struct Description {
    rank: usize,
    scale: f64,
    /// Names of layers where every decoder layer has the same ones, else their paths.
    targets: Vec<String>,
}

fn describe(model: &CausalLm) -> Result<Description, LoraError> {
    let adapted: Vec<_> = model
        .model
        .layers
        .iter()
        .enumerate()
        .flat_map(|(index, layer)| layer.linears().map(|(name, linear)| (index, name, linear.lora.as_ref())))
        .filter_map(|(index, name, lora)| lora.map(|lora| (index, name, (lora.a.dims()[0], lora.scale))))
        .collect();
    let &(_, _, (rank, scale)) = adapted.first().ok_or(LoraError::NoAdapter)?;
    if let Some((index, name, _)) = adapted.iter().find(|(_, _, shape)| *shape != (rank, scale)) {
        let module = module_path(*index, name);
        return Err(LoraError::invalid(format!(
            "layers carry adapters of different ranks or scales: {module} differs from those before it"
        )));
    }
    let names: Vec<_> = LINEAR_LAYERS
        .into_iter()
        .map(|(_, layer)| layer)
        .filter(|layer| adapted.iter().any(|(_, name, _)| name == layer))
        .collect();
    let targets = if adapted.len() == names.len() * model.model.layers.len() {
        names.into_iter().map(str::to_owned).collect()
    } else {
        // PEFT matches the ends of paths, so a bare name would adapt every layer.
        adapted.iter().map(|(index, name, _)| module_path(*index, name)).collect()
    };
    Ok(Description { rank, scale, targets })
}

/// `lora_alpha` and `use_rslora` from which a reader computes `scale` to the last bit.
///
/// Whole numbers come first, because that is what people ask for and what PEFT declares; then the
/// neighbours of the quotient that rounding may have left.
fn alpha_and_stabilised(rank: usize, scale: f64) -> (f64, bool) {
    let (plain, stabilised) = (scale * rank as f64, scale * (rank as f64).sqrt());
    let around = |alpha: f64, flag| [alpha, alpha.next_up(), alpha.next_down()].map(|alpha| (alpha, flag));
    [(plain.round(), false), (stabilised.round(), true)]
        .into_iter()
        .chain(around(plain, false))
        .chain(around(stabilised, true))
        .find(|&(alpha, flag)| lora_scale(alpha, rank, flag) == scale)
        .unwrap_or((plain, false))
}

/// PEFT expects a whole number where the value is one.
fn alpha_value(alpha: f64) -> Value {
    if alpha.fract() == 0.0 && alpha.abs() < 1e15 { json!(alpha as i64) } else { json!(alpha) }
}

fn module_path(layer: usize, name: &str) -> String {
    let part = LINEAR_LAYERS.into_iter().find(|(_, layer)| *layer == name).map_or("", |(part, _)| part);
    format!("model.layers.{layer}.{part}.{name}")
}

/// The content of an `adapter_config.json`.
struct PeftConfig {
    rank: usize,
    scale: f64,
    /// Ends of the paths of adapted modules; `None` where only the weights name them.
    target_modules: Vec<String>,
}

impl PeftConfig {
    fn read(path: &Path) -> Result<Self, WeightsError> {
        let keys = Keys { path, map: &keys::read(path)? };
        refuse_unsupported(&keys)?;
        let rank = keys.size("r")?;
        if rank == 0 {
            return Err(LoraError::invalid("the rank of a LoRA adapter is at least 1").into());
        }
        let alpha = keys.needed_number("lora_alpha")?;
        if alpha == 0.0 || !alpha.is_finite() {
            return Err(
                LoraError::invalid(format!("with a lora_alpha of {alpha} an adapter has no effect")).into()
            );
        }
        Ok(Self {
            rank,
            scale: lora_scale(alpha, rank, keys.flag("use_rslora")?),
            target_modules: target_modules(&keys),
        })
    }

    /// Whether the weights must have an adapter for `module`.
    fn targets(&self, module: &str) -> bool {
        self.target_modules.iter().any(|target| {
            module.strip_suffix(target.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        })
    }
}

/// The list of targets, unless it is a pattern or other options take layers away from it.
fn target_modules(keys: &Keys<'_>) -> Vec<String> {
    let narrowed = ["layers_to_transform", "exclude_modules"].iter().any(|key| keys.get(key).is_some());
    match keys.get("target_modules") {
        Some(Value::Array(targets)) if !narrowed => {
            targets.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        }
        _ => Vec::new(),
    }
}

/// Options that change what an adapter computes, and that are not implemented.
///
/// `init_lora_weights` is one of them where PEFT takes the initial adapter out of the base weights:
/// such an adapter belongs to other weights than those in the model's folder.
const RESTRICTED: [&str; 20] = [
    "peft_type",
    "bias",
    "use_dora",
    "fan_in_fan_out",
    "lora_bias",
    "use_qalora",
    "init_lora_weights",
    "rank_pattern",
    "alpha_pattern",
    "modules_to_save",
    "layer_replication",
    "trainable_token_indices",
    "target_parameters",
    "alora_invocation_tokens",
    "arrow_config",
    "use_bdlora",
    "kasa_config",
    "monteclora_config",
    "corda_config",
    "lora_ga_config",
];

fn refuse_unsupported(keys: &Keys<'_>) -> Result<(), LoraError> {
    let harmless = |key: &str, value: &Value| match key {
        "peft_type" => value == "LORA",
        "bias" => value == "none",
        "use_dora" | "fan_in_fan_out" | "lora_bias" | "use_qalora" => value == false,
        "init_lora_weights" => match value {
            Value::String(name) => ["gaussian", "eva", "orthogonal"].contains(&name.as_str()),
            other => other.is_boolean(),
        },
        "rank_pattern" | "alpha_pattern" => value.as_object().is_some_and(serde_json::Map::is_empty),
        _ => value.as_array().is_some_and(Vec::is_empty),
    };
    for key in RESTRICTED {
        if let Some(value) = keys.get(key).filter(|value| !harmless(key, value)) {
            let path = keys.path.display();
            let value = excerpt(&value.to_string()).into_owned();
            return Err(LoraError::invalid(format!("{path}: `{key}` is {value}, which is not supported")));
        }
    }
    Ok(())
}
