//! Quantised folders, by what shows that they are.

use std::fs;

use safetensors::Dtype;
use serde_json::{Value, json};

use super::{WEIGHTS, load_error, try_load};
use crate::common::{copy_of, edit_json, edit_tensors};

/// The message of a model whose `config.json` has another key.
fn with_key(key: &str, value: Value) -> Option<String> {
    let dir = copy_of("qwen2-tiny");
    edit_json(&dir.path().join("config.json"), |config| {
        config.insert(key.to_owned(), value);
    });
    try_load(dir.path()).err().map(|error| error.to_string())
}

#[test]
fn a_configuration_that_says_so_is_refused_with_the_method() {
    for (value, method) in [
        (json!({ "quant_method": "bitsandbytes", "load_in_4bit": true }), "(bitsandbytes, 4 bits)"),
        (json!({ "quant_method": "bitsandbytes", "_load_in_8bit": true }), "(bitsandbytes, 8 bits)"),
        (json!({ "quant_method": "gptq", "bits": 4, "group_size": 128 }), "(gptq, 4 bits)"),
        (json!({ "quant_method": "awq", "w_bit": 4 }), "(awq, 4 bits)"),
        (json!({ "quant_method": "fp8", "weight_block_size": [128, 128] }), "(fp8)"),
        (json!({ "quant_method": "compressed-tensors", "config_groups": {} }), "(compressed-tensors)"),
        (json!({ "quant_method": "mxfp4" }), "(mxfp4)"),
        (json!({ "quant_method": "torchao" }), "(torchao)"),
        (json!({ "load_in_8bit": true }), "(unnamed method, 8 bits)"),
        (json!("4 bits"), "(unnamed method)"),
    ] {
        let message = with_key("quantization_config", value).unwrap();
        assert!(message.contains("config.json: `quantization_config` says that"), "{message}");
        assert!(message.contains(method) && message.contains("before it was quantised"), "{message}");
    }
    for nothing in [json!(null), json!({})] {
        assert_eq!(with_key("quantization_config", nothing), None);
    }
}

#[test]
fn tensors_that_show_it_are_refused_with_the_method() {
    const LAYER: &str = "model.layers.0.self_attn.q_proj.weight";
    let stem = "model.layers.0.self_attn.q_proj";
    for (names, method) in [
        (
            vec![".weight.absmax", ".weight.quant_map", ".weight.quant_state.bitsandbytes__nf4"],
            "bitsandbytes, 4 bits (nf4)",
        ),
        (vec![".SCB"], "bitsandbytes, 8 bits"),
        (vec![".g_idx", ".qweight", ".qzeros", ".scales"], "GPTQ; it holds"),
        (vec![".qweight", ".qzeros", ".scales"], "GPTQ or AWQ"),
        (vec![".weight_packed", ".weight_scale", ".weight_shape"], "compressed-tensors"),
        (vec![".weight_scale_inv"], "FP8 in blocks"),
        (vec![".weight_blocks", ".weight_scales"], "MXFP4"),
        (vec![".W_q"], "HQQ"),
    ] {
        let dir = copy_of("qwen2-tiny");
        edit_tensors(&dir.path().join(WEIGHTS), |tensors| {
            for name in &names {
                tensors.insert(format!("{stem}{name}"), (Dtype::U8, vec![1], vec![0]));
            }
        });
        let message = load_error(dir.path());
        assert!(message.contains("its weights are quantised (") && message.contains(method), "{message}");
    }
    for (dtype, method) in [(Dtype::F8_E4M3, "FP8"), (Dtype::U8, "integers"), (Dtype::I8, "integers")] {
        let dir = copy_of("qwen2-tiny");
        edit_tensors(&dir.path().join(WEIGHTS), |tensors| {
            tensors.insert(LAYER.to_owned(), (dtype, vec![64, 64], vec![0; 64 * 64]));
        });
        let message = load_error(dir.path());
        assert!(
            message.contains(&format!("quantised ({method}; {LAYER} is stored as {dtype:?})")),
            "{message}"
        );
    }
}

#[test]
fn files_of_older_programs_show_it() {
    for (name, method) in [("quantize_config.json", "GPTQ"), ("quant_config.json", "AWQ")] {
        let dir = copy_of("qwen2-tiny");
        fs::write(dir.path().join(name), "{}").unwrap();
        let message = load_error(dir.path());
        assert!(message.contains(&format!("quantised ({method}; {name} says so)")), "{message}");
    }
}
