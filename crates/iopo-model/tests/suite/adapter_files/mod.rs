//! LoRA adapters: attached, merged, as PEFT folders, and one test for every way to be wrong.

mod attached;
mod errors;
mod folders;
mod merged;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::common::{copy_of_folder, edit_json, fixture, load, peft_fixture};
use burn::tensor::FloatDType;
use iopo_model::{CausalLm, LoraConfig, LoraError, LoraTargets, Parameters, WeightsError, load_adapter};
use serde_json::Value;
use tempfile::TempDir;

const CONFIG: &str = "adapter_config.json";
const WEIGHTS: &str = "adapter_model.safetensors";
const Q_A: &str = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight";

fn base() -> CausalLm {
    load(&fixture("qwen2-tiny"), FloatDType::F32)
}

fn named(targets: &[&str]) -> LoraConfig {
    let targets = LoraTargets::Named(targets.iter().map(|&name| name.to_owned()).collect());
    LoraConfig { targets, ..Default::default() }
}

fn adapter_copy() -> TempDir {
    copy_of_folder(&peft_fixture())
}

fn load_error(dir: &Path) -> WeightsError {
    load_adapter(base(), dir).unwrap_err()
}

fn lora_error(dir: &Path) -> LoraError {
    match load_error(dir) {
        WeightsError::Lora(error) => error,
        other => panic!("{other}"),
    }
}

fn set(dir: &Path, key: &str, value: Value) {
    edit_json(&dir.join(CONFIG), |config| {
        config.insert(key.to_owned(), value);
    });
}

fn config_of(dir: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(dir.join(CONFIG)).unwrap()).unwrap()
}

fn adapter_names(model: &CausalLm) -> BTreeSet<String> {
    model.parameters().into_iter().map(|p| p.name).filter(|name| name.starts_with("base_model.")).collect()
}
