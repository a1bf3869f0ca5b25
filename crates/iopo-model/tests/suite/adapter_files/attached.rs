//! Attached.

use std::collections::BTreeSet;

use burn::module::Module;
use burn::tensor::{DType, Device, FloatDType};
use iopo_model::{LoraConfig, Parameters, Precision, load_adapter, load_model};

use super::{WEIGHTS, adapter_names, base, named};
use crate::common;
use crate::common::{
    fixture, floats, gradient_names, largest, load, parameter_bits, peft_fixture, probe_bits, read_tensors,
    update_names,
};

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
    assert_eq!(gradient_names(&model), expected);
    assert_eq!(update_names(model), expected);
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
