//! `generation_config.json`, as transformers writes it.

use std::fs;

use crate::common::{copy_of, edit_json, fixture};
use iopo_model::{ConfigError, GenerationConfig};
use serde_json::{Value, json};

/// The settings of a folder with these keys in its `generation_config.json`.
fn with(keys: Value) -> Result<GenerationConfig, ConfigError> {
    let dir = copy_of("qwen2-tiny");
    edit_json(&dir.path().join("generation_config.json"), |map| {
        map.extend(keys.as_object().unwrap().clone());
    });
    GenerationConfig::from_dir(dir.path())
}

#[test]
fn end_of_sequence_is_a_number_or_a_list() {
    let ids = |name| GenerationConfig::from_dir(&fixture(name)).unwrap().eos_token_ids;
    assert_eq!(ids("qwen2-tiny"), [999]);
    assert_eq!(ids("qwen2-tiny-hf5"), [999]);
    assert_eq!(ids("llama3-tiny"), [993, 997, 998]);
}

#[test]
fn without_the_file_the_models_own_end_is_taken() {
    for (name, expected) in [("qwen2-tiny", vec![999]), ("llama3-tiny", vec![993, 997, 998])] {
        let dir = copy_of(name);
        fs::remove_file(dir.path().join("generation_config.json")).unwrap();
        let expected = GenerationConfig { eos_token_ids: expected, ..GenerationConfig::default() };
        assert_eq!(GenerationConfig::from_dir(dir.path()).unwrap(), expected);
    }
    assert_eq!(with(json!({ "eos_token_id": null })).unwrap().eos_token_ids, [999]);
}

/// The keys of Qwen2-7B-Instruct.
#[test]
fn settings_for_sampling_are_read() {
    let config = with(json!({
        "do_sample": true, "temperature": 0.7, "top_p": 0.8, "top_k": 20,
        "repetition_penalty": 1.05, "max_new_tokens": 2048, "pad_token_id": 997,
    }));
    let expected = GenerationConfig {
        max_new_tokens: 2_048,
        do_sample: true,
        temperature: 0.7,
        top_k: 20,
        top_p: 0.8,
        repetition_penalty: 1.05,
        eos_token_ids: vec![999],
        ..GenerationConfig::default()
    };
    let config = config.unwrap();
    assert_eq!(config, expected);
    assert!(!config.is_greedy());
}

#[test]
fn no_sampling_and_a_temperature_of_zero_are_greedy() {
    assert!(with(json!({ "temperature": 0.6 })).unwrap().is_greedy());
    assert!(with(json!({ "do_sample": true, "temperature": 0.0 })).unwrap().is_greedy());
    assert!(!with(json!({ "do_sample": true })).unwrap().is_greedy());
}

#[test]
fn options_without_effect_pass_and_others_are_refused() {
    with(json!({ "num_beams": 1, "min_p": null, "typical_p": 1.0, "no_repeat_ngram_size": 0 })).unwrap();
    for (key, value) in [
        ("num_beams", json!(4)),
        ("forced_bos_token_id", json!(5)),
        ("forced_eos_token_id", json!([5])),
        ("exponential_decay_length_penalty", json!([8, 1.5])),
        ("min_p", json!(0.1)),
        ("no_repeat_ngram_size", json!(3)),
        ("suppress_tokens", json!([1, 2])),
    ] {
        let message = with(json!({ key: value })).unwrap_err().to_string();
        assert!(message.contains(&format!("generation_config.json: `{key}` is ")), "{message}");
    }
}

#[test]
fn wrong_types_are_errors_with_their_key() {
    for (key, value) in [
        ("eos_token_id", json!("999")),
        ("eos_token_id", json!([1, -2])),
        ("eos_token_id", json!(1_u64 << 40)),
        ("top_k", json!(-1)),
        ("temperature", json!("hot")),
        ("do_sample", json!(1)),
    ] {
        let message = with(json!({ key: value })).unwrap_err().to_string();
        assert!(message.contains(&format!("generation_config.json: `{key}` should be ")), "{message}");
    }
    let dir = copy_of("qwen2-tiny");
    fs::write(dir.path().join("generation_config.json"), "{").unwrap();
    assert!(matches!(GenerationConfig::from_dir(dir.path()), Err(ConfigError::Json { .. })));
}
