//! `config.json`: both forms that transformers writes, and one test for every way to be wrong.

use std::fs;
use std::path::Path;

use crate::common::{copy_of, edit_json, fixture};
use burn::tensor::Device;
use iopo_model::{ConfigError, DecoderConfig, Precision, load_config, load_model};
use serde_json::{Value, json};

/// Reads qwen2-tiny's or llama3-tiny's configuration with some keys set; null removes a key.
fn with(model: &str, keys: &[(&str, Value)]) -> Result<DecoderConfig, ConfigError> {
    let text = fs::read_to_string(fixture(model).join("config.json")).unwrap();
    let mut value: Value = serde_json::from_str(&text).unwrap();
    for (key, new) in keys {
        value[*key] = new.clone();
    }
    DecoderConfig::from_json(&value.to_string(), Path::new("folder/config.json"))
}

fn qwen2(keys: &[(&str, Value)]) -> Result<DecoderConfig, ConfigError> {
    with("qwen2-tiny", keys)
}

fn llama(keys: &[(&str, Value)]) -> Result<DecoderConfig, ConfigError> {
    with("llama3-tiny", keys)
}

/// The message of an error, which must name the file.
fn message(result: Result<DecoderConfig, ConfigError>) -> String {
    let message = result.unwrap_err().to_string();
    assert!(message.contains("folder/config.json"), "{message}");
    message
}

fn assert_unsupported(result: Result<DecoderConfig, ConfigError>, expected_key: &str) {
    let message = message(result);
    assert!(message.contains(&format!(": `{expected_key}` is ")), "{expected_key}: {message}");
    assert!(message.contains("; supported: "), "{message}");
}

fn assert_invalid(result: Result<DecoderConfig, ConfigError>, expected: &str) {
    let error = result.unwrap_err();
    assert!(matches!(error, ConfigError::Invalid { .. }), "{error:?}");
    assert!(error.to_string().contains(expected), "{error}");
}

#[test]
fn transformers_4_and_5_give_the_same_config() {
    let config = load_config(&fixture("qwen2-tiny")).unwrap();
    assert_eq!(config, load_config(&fixture("qwen2-tiny-hf5")).unwrap());
    assert_eq!(config.rope.theta, 1e6);
    assert_eq!((config.model_type, config.head_dim, config.qkv_bias), ("qwen2", 16, true));
}

#[test]
fn llama3_scaling_reads_the_same_in_both_forms() {
    let parameters = json!({
        "rope_type": "llama3", "rope_theta": 500_000.0, "factor": 8.0, "low_freq_factor": 1.0,
        "high_freq_factor": 4.0, "original_max_position_embeddings": 8192,
    });
    let form_5 =
        [("rope_parameters", parameters), ("rope_scaling", Value::Null), ("rope_theta", Value::Null)];
    let config = llama(&[]).unwrap();
    assert_eq!(config, llama(&form_5).unwrap());
    assert_eq!(config.rope.scaling.unwrap().factor, 8.0);
}

#[test]
fn absent_options_take_the_defaults_of_transformers() {
    let absent = ["num_key_value_heads", "rms_norm_eps", "rope_theta", "rope_scaling", "tie_word_embeddings"];
    let config = llama(&absent.map(|key| (key, Value::Null))).unwrap();
    assert_eq!(config.num_key_value_heads, config.num_attention_heads);
    assert_eq!((config.rms_norm_eps, config.rope.theta, config.rope.scaling), (1e-6, 1e4, None));
    assert!(!config.tie_word_embeddings);
}

#[test]
fn rope_parameters_without_a_type_are_plain_rotation() {
    let parameters = json!({ "rope_theta": 77.0 });
    let config = qwen2(&[("rope_parameters", parameters), ("rope_theta", Value::Null)]).unwrap();
    assert_eq!((config.rope.theta, config.rope.scaling), (77.0, None));
}

#[test]
fn old_rope_scaling_names_its_kind_type() {
    assert_unsupported(qwen2(&[("rope_scaling", json!({ "type": "yarn", "factor": 4.0 }))]), "rope_type");
    let plain = qwen2(&[("rope_scaling", json!({ "type": "default" }))]).unwrap();
    assert_eq!(plain, qwen2(&[]).unwrap());
}

#[test]
fn rope_parameters_of_each_kind_of_layer_are_used_where_they_are_equal() {
    let full = json!({ "rope_type": "default", "rope_theta": 77.0 });
    let absent = ("rope_theta", Value::Null);
    for parameters in [
        json!({ "full_attention": full }),
        json!({ "full_attention": full, "sliding_attention": full }),
        json!({ "full_attention": full, "sliding_attention": null }),
    ] {
        let config = qwen2(&[("rope_parameters", parameters), absent.clone()]).unwrap();
        assert_eq!((config.rope.theta, config.rope.scaling), (77.0, None));
    }
    let other = json!({ "rope_type": "default", "rope_theta": 78.0 });
    let unequal = json!({ "full_attention": full, "sliding_attention": other });
    let differs = "`rope_parameters` differs between full_attention, sliding_attention";
    assert_invalid(qwen2(&[("rope_parameters", unequal), absent.clone()]), differs);
    let mixed = json!({ "full_attention": full, "rope_theta": 77.0 });
    let beside = "`rope_parameters` holds keys of its own beside those of `full_attention`";
    assert_invalid(qwen2(&[("rope_parameters", mixed), absent.clone()]), beside);
    let none = json!({ "sliding_attention": full });
    assert_invalid(qwen2(&[("rope_parameters", none), absent.clone()]), "has none for `full_attention`");
    let yarn = json!({ "full_attention": { "rope_type": "yarn", "factor": 4.0 } });
    assert_unsupported(qwen2(&[("rope_parameters", yarn), absent]), "rope_type");
}

#[test]
fn rope_keys_in_two_places_must_agree() {
    let theta = json!({ "rope_type": "default", "rope_theta": 77.0 });
    let both = "`rope_theta` is 1000000 in one place and 77 in another";
    assert_invalid(qwen2(&[("rope_parameters", theta.clone())]), both);
    assert_invalid(qwen2(&[("rope_scaling", theta)]), both);
    let same = json!({ "rope_type": "default", "rope_theta": 1e6 });
    assert_eq!(qwen2(&[("rope_parameters", same)]).unwrap(), qwen2(&[]).unwrap());
    let plain = json!({ "rope_type": "default" });
    assert_invalid(llama(&[("rope_parameters", plain)]), "`rope_parameters` and `rope_scaling` differ");
}

#[test]
fn a_share_of_the_head_that_does_not_rotate_is_refused_wherever_it_stands() {
    assert_unsupported(llama(&[("partial_rotary_factor", json!(0.5))]), "partial_rotary_factor");
    assert!(llama(&[("partial_rotary_factor", json!(1.0))]).is_ok());
}

#[test]
fn whole_floats_are_sizes() {
    let floats =
        [("num_hidden_layers", json!(2.0)), ("hidden_size", json!(64.0)), ("vocab_size", json!(1e3))];
    let integers = [("num_hidden_layers", json!(2)), ("hidden_size", json!(64)), ("vocab_size", json!(1000))];
    assert_eq!(qwen2(&floats).unwrap(), qwen2(&integers).unwrap());
}

#[test]
fn a_value_of_megabytes_is_cut_in_its_message() {
    let long = json!("x".repeat(5_000_000));
    for key in ["model_type", "hidden_act", "vocab_size", "rope_scaling"] {
        let message = message(qwen2(&[(key, long.clone())]));
        assert!(message.len() < 400 && message.contains("xxx..."), "{key}: {} bytes", message.len());
    }
}

#[test]
fn a_byte_order_mark_is_skipped_and_another_kind_of_file_is_named() {
    let dir = copy_of("qwen2-tiny");
    let path = dir.path().join("config.json");
    let text = fs::read(&path).unwrap();
    fs::write(&path, [b"\xef\xbb\xbf", &text[..]].concat()).unwrap();
    assert_eq!(load_config(dir.path()).unwrap(), load_config(&fixture("qwen2-tiny")).unwrap());
    fs::write(&path, "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n").unwrap();
    let error = load_config(dir.path()).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot read {}", path.display()));
    assert!(std::error::Error::source(&error).unwrap().to_string().contains("git lfs pull"));
}

#[test]
fn llama_may_have_heads_wider_than_its_share() {
    assert_eq!(llama(&[("head_dim", json!(32))]).unwrap().head_dim, 32);
}

#[test]
fn every_unsupported_option_is_named() {
    assert_unsupported(qwen2(&[("model_type", json!("mistral"))]), "model_type");
    assert_unsupported(qwen2(&[("hidden_act", json!("gelu"))]), "hidden_act");
    assert_unsupported(llama(&[("hidden_act", json!("gelu"))]), "hidden_act");
    assert_unsupported(qwen2(&[("use_sliding_window", json!(true))]), "use_sliding_window");
    assert_unsupported(
        qwen2(&[("layer_types", json!(["full_attention", "sliding_attention"]))]),
        "layer_types",
    );
    assert_unsupported(qwen2(&[("head_dim", json!(32))]), "head_dim");
    for kind in ["linear", "dynamic", "yarn", "longrope"] {
        assert_unsupported(
            llama(&[("rope_scaling", json!({ "rope_type": kind, "factor": 2.0 }))]),
            "rope_type",
        );
    }
    let partial = json!({ "rope_type": "default", "rope_theta": 1e4, "partial_rotary_factor": 0.5 });
    assert_unsupported(llama(&[("rope_parameters", partial)]), "partial_rotary_factor");
}

#[test]
fn an_unsupported_option_says_what_is_supported() {
    let message = message(qwen2(&[("hidden_act", json!("gelu"))]));
    assert_eq!(message, "folder/config.json: `hidden_act` is \"gelu\"; supported: silu");
}

#[test]
fn an_absent_file_is_an_error() {
    let error = load_config(Path::new("no/such/folder")).unwrap_err();
    let expected =
        "no/such/folder: no such folder; nothing is downloaded, so give the path of a folder with the model";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn invalid_json_is_an_error() {
    for text in ["", "{\"model_type\": \"qwen2\"", "\u{feff}{}", &"[".repeat(100_000)] {
        let error = DecoderConfig::from_json(text, Path::new("config.json")).unwrap_err();
        assert!(matches!(error, ConfigError::Json { .. }), "{error:?}");
    }
}

#[test]
fn json_that_is_no_object_is_an_error() {
    for text in ["[]", "3", "null", "\"qwen2\""] {
        let error = DecoderConfig::from_json(text, Path::new("config.json")).unwrap_err();
        assert_eq!(error.to_string(), "config.json: expected a JSON object");
    }
}

#[test]
fn a_missing_key_is_named() {
    let needed = [
        "model_type",
        "vocab_size",
        "hidden_size",
        "intermediate_size",
        "num_hidden_layers",
        "num_attention_heads",
    ];
    for name in needed {
        for model in ["qwen2-tiny", "llama3-tiny"] {
            let error = with(model, &[(name, Value::Null)]).unwrap_err();
            assert_eq!(error.to_string(), format!("folder/config.json: missing key `{name}`"));
        }
    }
    for name in ["factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"] {
        let mut scaling = json!({
            "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 8192,
        });
        scaling[name] = Value::Null;
        let error = llama(&[("rope_scaling", scaling)]).unwrap_err();
        assert_eq!(error.to_string(), format!("folder/config.json: missing key `{name}`"));
    }
}

#[test]
fn a_wrong_typed_key_is_named() {
    for (name, value) in [
        ("model_type", json!(2)),
        ("vocab_size", json!("1024")),
        ("hidden_size", json!(-64)),
        ("hidden_size", json!(64.5)),
        ("num_hidden_layers", json!([2])),
        ("rms_norm_eps", json!("1e-6")),
        ("rope_theta", json!({})),
        ("rope_scaling", json!("llama3")),
        ("rope_parameters", json!([])),
        ("tie_word_embeddings", json!("false")),
        ("use_sliding_window", json!(0)),
        ("layer_types", json!("full_attention")),
    ] {
        let message = message(qwen2(&[(name, value)]));
        assert!(message.contains(&format!("config.json: `{name}` should be ")), "{name}: {message}");
    }
}

#[test]
fn sizes_of_zero_are_invalid() {
    for name in ["vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_key_value_heads"]
    {
        assert_invalid(qwen2(&[(name, json!(0))]), &format!("{name} is 0"));
    }
    assert_invalid(qwen2(&[("num_attention_heads", json!(0))]), "num_attention_heads 0");
    assert_invalid(
        llama(&[("num_attention_heads", json!(0)), ("head_dim", json!(16))]),
        "num_attention_heads is 0",
    );
    assert_invalid(llama(&[("head_dim", json!(0))]), "head_dim is 0");
}

#[test]
fn sizes_that_do_not_divide_are_invalid() {
    assert_invalid(qwen2(&[("num_key_value_heads", json!(3))]), "not a multiple of num_key_value_heads 3");
    assert_invalid(qwen2(&[("num_attention_heads", json!(5))]), "hidden_size 64 is not a multiple");
    assert_invalid(llama(&[("num_attention_heads", json!(6))]), "hidden_size 64 is not a multiple");
    assert_invalid(llama(&[("head_dim", json!(15))]), "head_dim 15 is odd");
}

#[test]
fn sizes_whose_product_overflows_are_invalid() {
    let huge = json!(1_u64 << 40);
    for name in ["vocab_size", "intermediate_size", "num_hidden_layers"] {
        assert_invalid(qwen2(&[(name, json!(u64::MAX / 2))]), "more parameters");
    }
    assert_invalid(
        llama(&[("head_dim", huge.clone()), ("num_attention_heads", huge.clone())]),
        "more parameters",
    );
    assert_invalid(qwen2(&[("hidden_size", huge)]), "more parameters");
}

#[test]
fn a_norm_that_could_divide_by_zero_is_invalid() {
    for eps in [0.0, -1e-6] {
        assert_invalid(qwen2(&[("rms_norm_eps", json!(eps))]), "rms_norm_eps");
    }
}

#[test]
fn rotations_that_are_no_numbers_are_invalid() {
    for theta in [0.0, -1e4] {
        assert_invalid(qwen2(&[("rope_theta", json!(theta))]), "rope_theta");
    }
    for (name, value) in [
        ("factor", json!(0)),
        ("factor", json!(-8.0)),
        ("low_freq_factor", json!(0)),
        ("low_freq_factor", json!(4)),
        ("high_freq_factor", json!(0.5)),
        ("original_max_position_embeddings", json!(0)),
    ] {
        let mut scaling = json!({
            "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 8192,
        });
        scaling[name] = value;
        assert_invalid(llama(&[("rope_scaling", scaling)]), name);
    }
}

/// Sizes that fit in a number, and not in any memory, must not be allocated before they are checked.
#[test]
fn sizes_that_the_weights_do_not_have_are_refused_before_memory_is_spent_on_them() {
    for (name, size) in [
        ("vocab_size", 1_u64 << 45),
        ("intermediate_size", 1 << 45),
        ("hidden_size", 1 << 26),
        ("num_hidden_layers", 1 << 40),
        ("num_attention_heads", 1 << 5),
    ] {
        let dir = copy_of("qwen2-tiny");
        edit_json(&dir.path().join("config.json"), |config| {
            config.insert(name.to_owned(), json!(size));
        });
        let error = load_model(dir.path(), Precision::default(), &Device::flex()).unwrap_err();
        let message = error.to_string();
        assert!(message.contains(" has shape ") || message.contains(" missing: "), "{name}: {message}");
    }
}

#[test]
fn a_layer_more_than_the_weights_have_is_reported_as_missing() {
    let dir = copy_of("qwen2-tiny");
    edit_json(&dir.path().join("config.json"), |config| {
        config.insert("num_hidden_layers".to_owned(), json!(3));
    });
    let message = load_model(dir.path(), Precision::default(), &Device::flex()).unwrap_err().to_string();
    let (_, names) = message.split_once(": 12 tensors missing: ").unwrap();
    assert!(names.split(", ").all(|name| name == "..." || name.starts_with("model.layers.2.")), "{message}");
}

#[test]
fn a_layer_fewer_than_the_weights_have_is_reported_as_unexpected() {
    let dir = copy_of("qwen2-tiny");
    edit_json(&dir.path().join("config.json"), |config| {
        config.insert("num_hidden_layers".to_owned(), json!(1));
    });
    let error = load_model(dir.path(), Precision::default(), &Device::flex()).unwrap_err();
    assert!(error.to_string().contains(": 12 tensors unexpected: "), "{error}");
}
