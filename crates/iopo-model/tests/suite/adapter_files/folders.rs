//! As folders.

use std::fs;

use burn::module::Module;
use iopo_model::{CausalLm, LoraConfig, LoraTargets, Parameters, load_adapter, save_adapter};
use proptest::prelude::*;
use safetensors::Dtype;
use serde_json::json;
use tempfile::TempDir;

use super::{CONFIG, WEIGHTS, adapter_copy, adapter_names, base, config_of, named, set};
use crate::common::{edit_tensors, parameter_bits, peft_fixture, probe_bits, read_tensors, with_random_b};

#[test]
fn the_recorded_peft_adapter_loads_to_its_own_bits() {
    let model = load_adapter(base(), &peft_fixture()).unwrap();
    let file = read_tensors(&peft_fixture().join(WEIGHTS));
    let mut compared = 0;
    for parameter in model.parameters().into_iter().filter(|p| p.name.contains("lora_")) {
        let (dtype, shape, bytes) = &file[&parameter.name];
        assert_eq!((*dtype, shape), (Dtype::F32, &parameter.shape));
        assert_eq!(parameter.values.into_data().as_bytes(), bytes, "{}", parameter.name);
        compared += 1;
    }
    assert_eq!(compared, file.len());
}

/// The same, with everything that an adapter can have.
fn assert_round_trip(model: &CausalLm, reload: impl FnOnce() -> CausalLm) -> TempDir {
    let out = tempfile::tempdir().unwrap();
    save_adapter(model, "some/base", out.path()).unwrap();
    let again = load_adapter(reload(), out.path()).unwrap();
    assert_eq!(parameter_bits(&again), parameter_bits(model));
    assert_eq!(probe_bits(&again), probe_bits(model));
    out
}

#[test]
fn a_saved_adapter_loads_to_the_same_bits() {
    let model = with_random_b(base().attach_lora(&named(&["down_proj", "k_proj"]), 3).unwrap(), 4);
    let out = assert_round_trip(&model.valid(), base);
    let config = config_of(out.path());
    assert_eq!(config["target_modules"], json!(["k_proj", "down_proj"]));
    assert_eq!(config["base_model_name_or_path"], "some/base");
    assert_eq!((&config["r"], &config["lora_alpha"]), (&json!(8), &json!(16)));
    assert_eq!(config["use_rslora"], false);
}

#[test]
fn the_recorded_peft_adapter_survives_saving() {
    let out = assert_round_trip(&load_adapter(base(), &peft_fixture()).unwrap(), base);
    assert_eq!(read_tensors(&out.path().join(WEIGHTS)), read_tensors(&peft_fixture().join(WEIGHTS)));
}

#[test]
fn saving_an_adapter_twice_gives_the_same_bytes() {
    let model = load_adapter(base(), &peft_fixture()).unwrap();
    let folders = [(); 2].map(|()| {
        let out = tempfile::tempdir().unwrap();
        save_adapter(&model, "some/base", out.path()).unwrap();
        out
    });
    for file in [CONFIG, WEIGHTS] {
        let [first, second] = folders.each_ref().map(|folder| fs::read(folder.path().join(file)).unwrap());
        assert_eq!(first, second, "{file}");
    }
}

#[test]
fn an_adapter_of_some_layers_loads_and_survives_saving() {
    let dir = adapter_copy();
    edit_tensors(&dir.path().join(WEIGHTS), |tensors| tensors.retain(|name, _| name.contains(".layers.1.")));
    set(dir.path(), "layers_to_transform", json!([1]));
    let model = load_adapter(base(), dir.path()).unwrap();
    assert_eq!(adapter_names(&model).len(), 14);
    let out = assert_round_trip(&model, base);
    // Bare names would make PEFT adapt layer 0 as well.
    let targets = &config_of(out.path())["target_modules"];
    assert_eq!(targets.as_array().unwrap().len(), 7);
    assert_eq!(targets[0], "model.layers.1.self_attn.q_proj");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The scale is stored as alpha and rank: dividing again must not lose a bit.
    #[test]
    fn every_scale_survives_saving(
        alpha in prop_oneof![(1_u16..300).prop_map(f64::from), (1_u16..300).prop_map(|n| f64::from(n) / 8.0)],
        rank in 1_usize..65,
        rank_stabilised: bool,
    ) {
        let config = LoraConfig { rank, alpha, rank_stabilised, targets: LoraTargets::Named(vec!["q_proj".to_owned()]) };
        let model = base().attach_lora(&config, 2).unwrap();
        let out = tempfile::tempdir().unwrap();
        save_adapter(&model, "base", out.path()).unwrap();
        let again = load_adapter(base(), out.path()).unwrap();
        let scale = |model: &CausalLm| model.model.layers[0].self_attn.q_proj.lora.as_ref().unwrap().scale;
        // A fractional alpha under a square root may have no neighbour that divides back exactly.
        let slack = if rank_stabilised && alpha.fract() != 0.0 { f64::EPSILON * config.scale() } else { 0.0 };
        prop_assert!((scale(&again) - config.scale()).abs() <= slack);
        let written = config_of(out.path())["lora_alpha"].as_f64().unwrap();
        prop_assert!(alpha.fract() != 0.0 || written.fract() == 0.0, "{} was written as {}", alpha, written);
    }
}

#[test]
fn rank_stabilised_adapters_of_peft_have_their_scale() {
    let dir = adapter_copy();
    set(dir.path(), "use_rslora", json!(true));
    let model = load_adapter(base(), dir.path()).unwrap();
    assert_eq!(model.model.layers[1].mlp.up_proj.lora.as_ref().unwrap().scale, 16.0 / 8_f64.sqrt());
}
