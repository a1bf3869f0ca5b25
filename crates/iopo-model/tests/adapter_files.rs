//! LoRA adapters: attached, merged, as PEFT folders, and one test for every way to be wrong.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use burn::module::Module;
use burn::tensor::{DType, Device, FloatDType};
use common::{
    PROBE, assert_close, copy_of_folder, edit_json, edit_tensors, fixture, floats, largest, load, logits,
    parameter_bits, peft_fixture, probe_bits, read_tensors, sequence, with_random_b,
};
use iopo_model::{
    CausalLm, LoraConfig, LoraError, LoraTargets, Parameters, Precision, Predictions, WeightsError,
    load_adapter, load_model, save_adapter,
};
use proptest::prelude::*;
use safetensors::Dtype;
use serde_json::{Value, json};
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

// ---- attached

#[test]
fn a_fresh_adapter_changes_no_logit_bit() {
    for dtype in [FloatDType::F32, FloatDType::BF16, FloatDType::F64] {
        let model = load(&fixture("qwen2-tiny"), dtype);
        let expected = probe_bits(&model);
        assert_eq!(probe_bits(&model.attach_lora(&LoraConfig::default(), 3).unwrap()), expected, "{dtype:?}");
    }
}

#[test]
fn an_adapter_is_trained_and_nothing_else() {
    let model = base().attach_lora(&LoraConfig::default(), 3).unwrap().train();
    let trained: BTreeSet<String> = model.trainable_parameters().into_iter().map(|p| p.name).collect();
    assert_eq!(trained, adapter_names(&model));
    assert_eq!(trained.len(), 28, "A and B of seven linear layers in two decoder layers");
}

#[test]
fn an_adapter_freezes_a_model_that_was_trained_in_full() {
    let model = common::trainable(base()).attach_lora(&named(&["o_proj"]), 3).unwrap().train();
    assert_eq!(model.trainable_parameters().len(), 4);
}

#[test]
fn adapter_names_are_those_that_peft_writes() {
    let expected: BTreeSet<String> = read_tensors(&peft_fixture().join(WEIGHTS)).into_keys().collect();
    assert_eq!(adapter_names(&base().attach_lora(&LoraConfig::default(), 3).unwrap()), expected);
}

#[test]
fn update_and_gradient_names_are_those_that_peft_writes() {
    let expected: BTreeSet<String> = read_tensors(&peft_fixture().join(WEIGHTS)).into_keys().collect();
    let model = load_adapter(base(), &peft_fixture()).unwrap().train();
    let predictions = Predictions { sources: vec![0], targets: vec![1] };
    let total = model.token_log_probs(&sequence(&[3, 4]), &predictions).unwrap().sum();
    let gradients = model.take_gradients(&mut total.backward());
    assert_eq!(gradients.into_iter().map(|gradient| gradient.name).collect::<BTreeSet<_>>(), expected);
    let mut seen = BTreeSet::new();
    let _ = model.update_trainable(|name, _| {
        seen.insert(name.to_owned());
        None
    });
    assert_eq!(seen, expected);
}

#[test]
fn an_adapter_on_some_targets_is_there_alone() {
    let model = base().attach_lora(&named(&["v_proj", "q_proj"]), 3).unwrap();
    let expected: BTreeSet<String> = (0..2)
        .flat_map(|layer| ["q_proj", "v_proj"].map(|name| (layer, name)))
        .flat_map(|(layer, name)| {
            ["A", "B"]
                .map(|ab| format!("base_model.model.model.layers.{layer}.self_attn.{name}.lora_{ab}.weight"))
        })
        .collect();
    assert_eq!(adapter_names(&model), expected);
}

#[test]
fn a_seed_decides_the_adapter() {
    let adapter = |seed| parameter_bits(&base().attach_lora(&LoraConfig::default(), seed).unwrap());
    assert_eq!(adapter(3), adapter(3));
    assert_ne!(adapter(3), adapter(4));
}

#[test]
fn a_fresh_adapter_is_uniform_in_a_and_zero_in_b() {
    let model = base().attach_lora(&LoraConfig { rank: 32, ..Default::default() }, 3).unwrap();
    for parameter in model.parameters().into_iter().filter(|p| p.name.contains("lora_")) {
        let (shape, values) = (parameter.shape, floats(parameter.values));
        if parameter.name.ends_with("lora_B.weight") {
            assert_eq!(largest(&values), 0.0, "{}", parameter.name);
            continue;
        }
        let bound = 1.0 / (shape[1] as f64).sqrt();
        // Of 2048 values and more, the largest comes within 1 % of the bound, and their root mean
        // square within 5 % of bound/√3.
        assert!((0.99..=1.0).contains(&(largest(&values) / bound)), "{}", parameter.name);
        let mean_square = values.iter().map(|v| v * v).sum::<f64>() / values.len() as f64;
        assert!((mean_square.sqrt() * 3_f64.sqrt() / bound - 1.0).abs() < 0.05, "{}", parameter.name);
    }
}

#[test]
fn an_adapter_keeps_its_own_float_type() {
    let precision = Precision { weights: FloatDType::BF16, ..Precision::default() };
    let model = load_model(&fixture("qwen2-tiny"), precision, &Device::flex()).unwrap();
    let model = load_adapter(model, &peft_fixture()).unwrap().with_weights_as(FloatDType::F16);
    for parameter in model.parameters() {
        let expected = if parameter.name.contains("lora_") { DType::F32 } else { DType::F16 };
        assert_eq!(parameter.values.dtype(), expected, "{}", parameter.name);
    }
}

// ---- merged

/// An f32 weight is rounded once more when merged: 6e-8 of it, over two layers of sums.
const MERGED_F32: f64 = 5e-6;

#[test]
fn a_merged_model_equals_its_adapter() {
    for (dtype, tolerance) in [(FloatDType::F64, 1e-12), (FloatDType::F32, MERGED_F32)] {
        let base = load(&fixture("qwen2-tiny"), dtype);
        let without = logits(&base, &PROBE);
        let adapted = with_random_b(base.attach_lora(&LoraConfig::default(), 3).unwrap(), 4);
        let expected = logits(&adapted, &PROBE);
        let change: Vec<f64> = expected.iter().zip(&without).map(|(a, b)| a - b).collect();
        assert!(largest(&change) > 0.1 * largest(&without), "the adapter hardly does anything");
        let merged = adapted.merge_lora();
        assert!(!merged.has_lora());
        assert_close(&format!("merged {dtype:?}"), &logits(&merged, &PROBE), &expected, tolerance);
    }
}

#[test]
fn merging_rounds_a_bf16_weight_once() {
    let precision = Precision { weights: FloatDType::BF16, ..Precision::default() };
    let load = |precision| {
        load_adapter(load_model(&fixture("qwen2-tiny"), precision, &Device::flex()).unwrap(), &peft_fixture())
    };
    let merged = load(precision).unwrap().merge_lora();
    // The weights in bf16, widened; the adapter added in f32; the sum rounded.
    let widened = load_model(&fixture("qwen2-tiny"), precision, &Device::flex())
        .unwrap()
        .with_weights_as(FloatDType::F32);
    let expected =
        load_adapter(widened, &peft_fixture()).unwrap().merge_lora().with_weights_as(FloatDType::BF16);
    assert_eq!(parameter_bits(&merged), parameter_bits(&expected));
}

#[test]
fn a_dropped_adapter_leaves_the_base() {
    let model = load_adapter(base(), &peft_fixture()).unwrap();
    assert_ne!(probe_bits(&model), probe_bits(&base()));
    let dropped = model.without_lora();
    assert_eq!(parameter_bits(&dropped), parameter_bits(&base()));
    assert_eq!(probe_bits(&dropped), probe_bits(&base()));
}

#[test]
fn merging_without_an_adapter_changes_nothing() {
    assert_eq!(parameter_bits(&base().merge_lora()), parameter_bits(&base()));
}

// ---- as folders

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

// ---- every way to be wrong

#[test]
fn a_rank_of_zero_is_refused() {
    let config = LoraConfig { rank: 0, ..Default::default() };
    assert!(matches!(base().attach_lora(&config, 1).unwrap_err(), LoraError::ZeroRank));
    let dir = adapter_copy();
    set(dir.path(), "r", json!(0));
    assert!(matches!(lora_error(dir.path()), LoraError::ZeroRank));
}

#[test]
fn a_rank_above_the_larger_side_of_a_layer_is_refused() {
    // The attention's layers have no side above 64, the MLP's are 176 long.
    for rank in [65, 4_000_000_000, i64::MAX as usize, usize::MAX] {
        let config = LoraConfig { rank, ..Default::default() };
        let error = base().attach_lora(&config, 1).unwrap_err();
        let LoraError::RankTooLarge { rank: found, layer, limit } = &error else { panic!("{error:?}") };
        assert_eq!((*found, layer.as_str(), *limit), (rank, "layer 0's q_proj", 64));
    }
    let rank = |rank, target| LoraConfig { rank, ..named(&[target]) };
    assert!(base().attach_lora(&rank(64, "k_proj"), 1).is_ok());
    assert!(base().attach_lora(&rank(176, "up_proj"), 1).is_ok());
    assert!(base().attach_lora(&rank(65, "q_proj"), 1).is_err());
}

#[test]
fn an_alpha_that_is_no_number_is_refused() {
    for alpha in [f64::NAN, f64::INFINITY] {
        let config = LoraConfig { alpha, ..Default::default() };
        assert!(matches!(base().attach_lora(&config, 1).unwrap_err(), LoraError::Alpha { .. }));
    }
}

#[test]
fn an_unknown_target_is_named_with_the_known_ones() {
    let error = base().attach_lora(&named(&["q_proj", "lm_head"]), 1).unwrap_err();
    assert!(matches!(&error, LoraError::UnknownTarget { target, .. } if target == "lm_head"), "{error:?}");
    assert!(error.to_string().contains("q_proj, k_proj"), "{error}");
}

#[test]
fn an_empty_list_of_targets_is_refused() {
    let error = base().attach_lora(&named(&[]), 1).unwrap_err();
    assert!(matches!(error, LoraError::NoTargets { .. }), "{error:?}");
}

#[test]
fn a_second_adapter_is_refused() {
    let model = base().attach_lora(&LoraConfig::default(), 1).unwrap();
    let error = model.clone().attach_lora(&LoraConfig::default(), 1).unwrap_err();
    assert!(matches!(error, LoraError::AlreadyAdapted), "{error:?}");
    let error = load_adapter(model, &peft_fixture()).unwrap_err();
    assert!(matches!(error, WeightsError::Lora(LoraError::AlreadyAdapted)), "{error:?}");
}

#[test]
fn a_model_without_an_adapter_has_none_to_save() {
    let out = tempfile::tempdir().unwrap();
    let error = save_adapter(&base(), "base", out.path()).unwrap_err();
    assert!(matches!(error, WeightsError::Lora(LoraError::NoAdapter)), "{error:?}");
}

#[test]
fn an_adapter_file_without_tensors_is_refused() {
    let dir = adapter_copy();
    edit_tensors(&dir.path().join(WEIGHTS), |tensors| tensors.clear());
    assert!(matches!(load_error(dir.path()), WeightsError::Missing { .. }));
    // Where nothing says which layers there should be, there is still no adapter.
    set(dir.path(), "target_modules", json!(".*"));
    assert!(matches!(lora_error(dir.path()), LoraError::NoAdapter));
}

#[test]
fn adapters_of_different_scales_are_not_saved_as_one() {
    let mut model = load_adapter(base(), &peft_fixture()).unwrap();
    model.model.layers[1].mlp.up_proj.lora.as_mut().unwrap().scale = 1.0;
    let error = save_adapter(&model, "base", tempfile::tempdir().unwrap().path()).unwrap_err();
    let expected = "model.layers.1.mlp.up_proj";
    assert!(
        matches!(&error, WeightsError::Lora(LoraError::MixedAdapters { module }) if module == expected),
        "{error:?}"
    );
}

#[test]
fn every_unsupported_option_of_peft_is_named() {
    let unsupported = [
        ("peft_type", json!("LOHA")),
        ("bias", json!("all")),
        ("use_dora", json!(true)),
        ("fan_in_fan_out", json!(true)),
        ("lora_bias", json!(true)),
        ("use_qalora", json!(true)),
        ("init_lora_weights", json!("pissa")),
        ("init_lora_weights", json!("pissa_niter_4")),
        ("init_lora_weights", json!("olora")),
        ("init_lora_weights", json!("loftq")),
        ("init_lora_weights", json!("corda")),
        ("rank_pattern", json!({ "q_proj": 4 })),
        ("alpha_pattern", json!({ "q_proj": 4 })),
        ("modules_to_save", json!(["lm_head"])),
        ("layer_replication", json!([[0, 2]])),
        ("trainable_token_indices", json!([1])),
        ("target_parameters", json!(["weight"])),
        ("alora_invocation_tokens", json!([5])),
        ("arrow_config", json!({ "top_k": 3 })),
        ("use_bdlora", json!({ "nblocks": 2 })),
        ("kasa_config", json!({ "beta": 1.0 })),
        ("monteclora_config", json!({})),
        ("corda_config", json!({})),
        ("lora_ga_config", json!({})),
    ];
    for (option, value) in unsupported {
        let dir = adapter_copy();
        set(dir.path(), option, value);
        let error = lora_error(dir.path());
        assert!(
            matches!(&error, LoraError::UnsupportedPeft { key, .. } if *key == option),
            "{option}: {error:?}"
        );
        assert!(error.to_string().contains(&dir.path().join(CONFIG).display().to_string()), "{error}");
    }
}

#[test]
fn options_of_peft_that_change_no_number_are_accepted() {
    let expected = probe_bits(&load_adapter(base(), &peft_fixture()).unwrap());
    for (option, value) in [
        ("init_lora_weights", json!("gaussian")),
        ("init_lora_weights", json!(false)),
        ("modules_to_save", json!([])),
        ("lora_dropout", json!(0.1)),
        ("peft_version", json!("0.99.0")),
        ("qalora_group_size", json!(16)),
    ] {
        let dir = adapter_copy();
        set(dir.path(), option, value);
        assert_eq!(probe_bits(&load_adapter(base(), dir.path()).unwrap()), expected, "{option}");
    }
}

#[test]
fn an_absent_adapter_config_is_named() {
    let dir = adapter_copy();
    fs::remove_file(dir.path().join(CONFIG)).unwrap();
    let error = load_error(dir.path());
    assert_eq!(error.to_string(), format!("cannot read {}", dir.path().join(CONFIG).display()));
}

#[test]
fn a_broken_adapter_config_is_named() {
    for (text, expected) in
        [("{", "not valid JSON"), ("[]", "expected a JSON object"), ("{}", "missing key `r`")]
    {
        let dir = adapter_copy();
        fs::write(dir.path().join(CONFIG), text).unwrap();
        let message = load_error(dir.path()).to_string();
        assert!(message.contains(CONFIG) && message.contains(expected), "{message}");
    }
}

#[test]
fn absent_adapter_weights_are_named() {
    let dir = adapter_copy();
    let path = dir.path().join(WEIGHTS);
    fs::remove_file(&path).unwrap();
    let error = load_error(dir.path());
    assert!(matches!(&error, WeightsError::Read { path: named, .. } if *named == path), "{error:?}");
}

#[test]
fn half_an_adapter_misses_the_other_half() {
    let dir = adapter_copy();
    edit_tensors(&dir.path().join(WEIGHTS), |tensors| {
        tensors.remove(Q_A);
    });
    let error = load_error(dir.path());
    assert!(matches!(&error, WeightsError::Missing { names, .. } if names == &[Q_A]), "{error:?}");
}

#[test]
fn a_target_without_weights_is_missing() {
    let dir = adapter_copy();
    edit_tensors(&dir.path().join(WEIGHTS), |tensors| tensors.retain(|name, _| !name.contains("v_proj")));
    let error = load_error(dir.path());
    assert!(matches!(&error, WeightsError::Missing { names, .. } if names.len() == 4), "{error:?}");
}

#[test]
fn an_adapter_of_a_deeper_model_is_unexpected() {
    let dir = adapter_copy();
    edit_tensors(&dir.path().join(WEIGHTS), |tensors| {
        let moved = tensors[Q_A].clone();
        tensors.insert(Q_A.replace("layers.0", "layers.2"), moved);
    });
    let error = load_error(dir.path());
    assert!(matches!(&error, WeightsError::Unexpected { names, .. } if names.len() == 1), "{error:?}");
}

#[test]
fn a_rank_that_the_weights_do_not_have_is_mis_shaped() {
    for rank in [7, 1_u64 << 60] {
        let dir = adapter_copy();
        set(dir.path(), "r", json!(rank));
        let error = load_error(dir.path());
        assert!(matches!(&error, WeightsError::Shape { name, .. } if name == Q_A), "{error:?}");
    }
}

#[test]
fn an_adapter_of_integers_names_tensor_and_type() {
    let dir = adapter_copy();
    edit_tensors(&dir.path().join(WEIGHTS), |tensors| tensors.get_mut(Q_A).unwrap().0 = Dtype::U32);
    let error = load_error(dir.path());
    assert!(matches!(&error, WeightsError::Dtype { name, .. } if name == Q_A), "{error:?}");
}

#[test]
fn a_truncated_adapter_is_a_format_error() {
    let dir = adapter_copy();
    let path = dir.path().join(WEIGHTS);
    let whole = fs::read(&path).unwrap();
    for length in (0..whole.len()).step_by(4_001) {
        fs::write(&path, &whole[..length]).unwrap();
        let error = load_error(dir.path());
        assert!(matches!(error, WeightsError::Format { .. }), "{length}: {error:?}");
    }
}
