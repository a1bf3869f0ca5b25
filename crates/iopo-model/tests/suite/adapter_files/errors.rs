//! Every way to be wrong.

use std::fs;

use iopo_model::{LoraConfig, LoraError, WeightsError, load_adapter, save_adapter};
use safetensors::Dtype;
use serde_json::json;

use super::{CONFIG, Q_A, WEIGHTS, adapter_copy, base, load_error, lora_error, named, set};
use crate::common::{edit_tensors, fixture, peft_fixture, probe_bits};

#[test]
fn a_rank_of_zero_is_refused() {
    let config = LoraConfig { rank: 0, ..Default::default() };
    let expected = "the rank of a LoRA adapter is at least 1";
    assert_eq!(base().attach_lora(&config, 1).unwrap_err().to_string(), expected);
    let dir = adapter_copy();
    set(dir.path(), "r", json!(0));
    assert_eq!(lora_error(dir.path()).to_string(), expected);
}

#[test]
fn a_rank_above_the_larger_side_of_a_layer_is_refused() {
    // The attention's layers have no side above 64, the MLP's are 176 long.
    for rank in [65, 4_000_000_000, i64::MAX as usize, usize::MAX] {
        let config = LoraConfig { rank, ..Default::default() };
        let error = base().attach_lora(&config, 1).unwrap_err();
        let expected = format!(
            "a LoRA adapter of rank {rank} does not fit layer 0's q_proj, whose larger side is 64: lower the rank"
        );
        assert_eq!(error.to_string(), expected);
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
        let error = base().attach_lora(&config, 1).unwrap_err();
        assert_eq!(error.to_string(), format!("the alpha of a LoRA adapter is a number, found {alpha}"));
    }
}

#[test]
fn an_adapter_that_is_scaled_to_nothing_is_refused() {
    let dir = adapter_copy();
    set(dir.path(), "lora_alpha", json!(0));
    assert_eq!(lora_error(dir.path()).to_string(), "with a lora_alpha of 0 an adapter has no effect");
}

#[test]
fn an_unknown_target_is_named_with_the_known_ones() {
    let error = base().attach_lora(&named(&["q_proj", "lm_head"]), 1).unwrap_err();
    let expected = "LoRA target `lm_head` matches no linear layer; layers: q_proj, k_proj, v_proj, o_proj, gate_proj, \
                    up_proj, down_proj";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn an_empty_list_of_targets_is_refused() {
    let error = base().attach_lora(&named(&[]), 1).unwrap_err();
    assert!(error.to_string().starts_with("no LoRA target is named; layers: q_proj, "), "{error}");
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
    assert!(load_error(dir.path()).to_string().contains(" tensors missing: "));
    // Where nothing says which layers there should be, there is still no adapter.
    set(dir.path(), "target_modules", json!(".*"));
    assert!(matches!(lora_error(dir.path()), LoraError::NoAdapter));
}

#[test]
fn adapters_of_different_scales_are_not_saved_as_one() {
    let mut model = load_adapter(base(), &peft_fixture()).unwrap();
    model.model.layers[1].mlp.up_proj.lora.as_mut().unwrap().scale = 1.0;
    let error = save_adapter(&model, "base", tempfile::tempdir().unwrap().path()).unwrap_err();
    let expected = "layers carry adapters of different ranks or scales: model.layers.1.mlp.up_proj differs from those \
                    before it";
    assert_eq!(error.to_string(), expected);
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
        let expected = format!("{}: `{option}` is ", dir.path().join(CONFIG).display());
        assert!(error.to_string().starts_with(&expected), "{option}: {error}");
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
    let expected = "holds no adapter_config.json: an adapter's folder has adapter_config.json and \
                    adapter_model.safetensors";
    assert_eq!(load_error(dir.path()).to_string(), format!("{}: {expected}", dir.path().display()));
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
    fs::remove_file(dir.path().join(WEIGHTS)).unwrap();
    let expected = "holds no adapter_model.safetensors: an adapter's folder has adapter_config.json and \
                    adapter_model.safetensors";
    assert_eq!(load_error(dir.path()).to_string(), format!("{}: {expected}", dir.path().display()));
}

#[test]
fn a_folder_without_an_adapter_says_what_it_holds() {
    let dir = adapter_copy();
    let path = dir.path().join(WEIGHTS);
    fs::write(&path, "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n").unwrap();
    let message = load_error(dir.path()).to_string();
    assert!(message.contains("git lfs pull"), "{message}");
    fs::rename(&path, dir.path().join("adapter_model.bin")).unwrap();
    let message = load_error(dir.path()).to_string();
    assert!(message.contains("holds adapter_model.bin, a Python pickle"), "{message}");
    let message = load_error(&fixture("qwen2-tiny")).to_string();
    assert!(message.contains("holds a model and no adapter_config.json"), "{message}");
    let message = load_error(&dir.path().join("none")).to_string();
    assert!(message.contains("no such folder; nothing is downloaded"), "{message}");
}

#[test]
fn half_an_adapter_misses_the_other_half() {
    let dir = adapter_copy();
    edit_tensors(&dir.path().join(WEIGHTS), |tensors| {
        tensors.remove(Q_A);
    });
    let error = load_error(dir.path());
    assert!(error.to_string().ends_with(&format!(": 1 tensor missing: {Q_A}")), "{error}");
}

#[test]
fn a_target_without_weights_is_missing() {
    let dir = adapter_copy();
    edit_tensors(&dir.path().join(WEIGHTS), |tensors| tensors.retain(|name, _| !name.contains("v_proj")));
    let error = load_error(dir.path());
    assert!(error.to_string().contains(": 4 tensors missing: "), "{error}");
}

#[test]
fn an_adapter_of_a_deeper_model_is_unexpected() {
    let dir = adapter_copy();
    edit_tensors(&dir.path().join(WEIGHTS), |tensors| {
        let moved = tensors[Q_A].clone();
        tensors.insert(Q_A.replace("layers.0", "layers.2"), moved);
    });
    let error = load_error(dir.path());
    assert!(error.to_string().contains(": 1 tensor unexpected: "), "{error}");
}

#[test]
fn a_rank_that_the_weights_do_not_have_is_mis_shaped() {
    for rank in [7, 1_u64 << 60] {
        let dir = adapter_copy();
        set(dir.path(), "r", json!(rank));
        let error = load_error(dir.path());
        assert!(error.to_string().contains(&format!("tensor {Q_A} has shape ")), "{error}");
    }
}

#[test]
fn an_adapter_of_integers_names_tensor_and_type() {
    let dir = adapter_copy();
    edit_tensors(&dir.path().join(WEIGHTS), |tensors| tensors.get_mut(Q_A).unwrap().0 = Dtype::U32);
    let error = load_error(dir.path());
    assert!(error.to_string().contains(&format!("tensor {Q_A} is stored as U32")), "{error}");
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
