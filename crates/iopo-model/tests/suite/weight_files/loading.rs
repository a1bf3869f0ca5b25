//! What loads.

use std::collections::BTreeSet;

use burn::tensor::{DType, Device, FloatDType};
use half::{bf16, f16};
use iopo_model::{Parameters, Precision, Predictions, load_model};
use safetensors::Dtype;

use super::{NORM, WEIGHTS, convert, f32s, shard, to_bf16};
use crate::common::{
    PROBE, assert_close, copy_of, edit_tensors, fixture, floats, gradient_names, load, logits,
    parameter_bits, probe_bits, read_tensors, sequence, trainable, update_names,
};

#[test]
fn parameter_names_and_shapes_are_those_of_the_file() {
    for name in ["qwen2-tiny", "qwen2-tiny-tied", "llama3-tiny"] {
        let file = read_tensors(&fixture(name).join(WEIGHTS));
        let expected: BTreeSet<_> = file.into_iter().map(|(name, (_, shape, _))| (name, shape)).collect();
        let parameters = load(&fixture(name), FloatDType::F32).parameters();
        let actual: BTreeSet<_> = parameters.iter().map(|p| (p.name.clone(), p.shape.clone())).collect();
        assert_eq!(actual, expected);
        assert_eq!(parameters.len(), expected.len(), "a name occurs twice");
    }
}

#[test]
fn parameters_have_the_bits_of_the_file() {
    let file = read_tensors(&fixture("qwen2-tiny").join(WEIGHTS));
    for (name, _, bits) in parameter_bits(&load(&fixture("qwen2-tiny"), FloatDType::F32)) {
        let expected: Vec<u64> =
            f32s(&file[&name]).into_iter().map(|value| f64::from(value).to_bits()).collect();
        assert_eq!(bits, expected, "{name}");
    }
}

#[test]
fn a_loaded_model_trains_nothing() {
    let model = load(&fixture("qwen2-tiny"), FloatDType::F32);
    assert!(model.trainable_parameters().is_empty());
    assert!(burn::module::Module::train(model).trainable_parameters().is_empty());
}

#[test]
fn update_and_gradient_names_are_those_of_the_file() {
    let model = trainable(load(&fixture("qwen2-tiny-tied"), FloatDType::F32));
    let expected: BTreeSet<String> =
        read_tensors(&fixture("qwen2-tiny-tied").join(WEIGHTS)).into_keys().collect();
    assert_eq!(gradient_names(&model), expected);
    assert_eq!(update_names(model), expected);
}

#[test]
fn an_update_changes_what_it_names_and_nothing_else() {
    let model = trainable(load(&fixture("qwen2-tiny"), FloatDType::F32));
    let before = parameter_bits(&model);
    let updated = model.update_trainable(|name, values| (name == NORM).then(|| values * 2.0));
    assert_eq!(updated.trainable_parameters().len(), before.len());
    for ((name, _, before), (_, _, after)) in before.into_iter().zip(parameter_bits(&updated)) {
        let factor = if name == NORM { 2.0 } else { 1.0 };
        let expected: Vec<u64> =
            before.iter().map(|&bits| (f64::from_bits(bits) * factor).to_bits()).collect();
        assert_eq!(after, expected, "{name}");
    }
}

#[test]
fn sharded_weights_load_to_the_same_bits() {
    let dir = copy_of("qwen2-tiny");
    shard(dir.path());
    let (sharded, whole) = (load(dir.path(), FloatDType::F32), load(&fixture("qwen2-tiny"), FloatDType::F32));
    assert_eq!(parameter_bits(&sharded), parameter_bits(&whole));
    assert_eq!(probe_bits(&sharded), probe_bits(&whole));
}

/// Relative: bf16 keeps 8 bits, 0.2 % of every weight, and of every activation where those are bf16
/// too; each logit passes through about a dozen such products.
const BF16_TOLERANCE: f64 = 3e-2;

/// Writes qwen2-tiny in `dtype` and loads it in f32: exact in the weights, close in the logits.
fn assert_half(dtype: Dtype, bytes: impl Fn(f32) -> Vec<u8>, round: impl Fn(f32) -> f64, tolerance: f64) {
    let original = read_tensors(&fixture("qwen2-tiny").join(WEIGHTS));
    let dir = copy_of("qwen2-tiny");
    convert(dir.path(), dtype, bytes);
    let model = load(dir.path(), FloatDType::F32);
    for parameter in model.parameters() {
        let rounded: Vec<f64> = f32s(&original[&parameter.name]).into_iter().map(&round).collect();
        assert_eq!(floats(parameter.values), rounded, "{}", parameter.name);
    }
    let expected = logits(&load(&fixture("qwen2-tiny"), FloatDType::F32), &PROBE);
    assert_close(&format!("{dtype:?} file"), &logits(&model, &PROBE), &expected, tolerance);
}

#[test]
fn a_bf16_file_loads_as_its_rounded_weights() {
    let bytes = |value| bf16::from_f32(value).to_le_bytes().to_vec();
    assert_half(Dtype::BF16, bytes, |value| bf16::from_f32(value).to_f64(), BF16_TOLERANCE);
}

#[test]
fn an_f16_file_loads_as_its_rounded_weights() {
    let bytes = |value| f16::from_f32(value).to_le_bytes().to_vec();
    // f16 keeps 11 bits, 8 times as fine as bf16.
    assert_half(Dtype::F16, bytes, |value| f16::from_f32(value).to_f64(), BF16_TOLERANCE / 8.0);
}

#[test]
fn bf16_weights_stay_bf16_and_losses_f32() {
    let dir = copy_of("qwen2-tiny");
    to_bf16(dir.path());
    let precision = Precision { weights: FloatDType::BF16, ..Precision::default() };
    let model = load_model(dir.path(), precision, &Device::flex()).unwrap();
    let file = read_tensors(&dir.path().join(WEIGHTS));
    for parameter in model.parameters() {
        assert_eq!(parameter.values.dtype(), DType::BF16);
        assert_eq!(parameter.values.into_data().as_bytes(), file[&parameter.name].2, "{}", parameter.name);
    }
    let predictions = Predictions { sources: vec![0, 1], targets: vec![1, 2] };
    let log_probs = model.token_log_probs(&sequence(&[3, 4]), &predictions).unwrap();
    assert_eq!(log_probs.dtype(), DType::F32);
    let expected = logits(&load(&fixture("qwen2-tiny"), FloatDType::F32), &PROBE);
    assert_close("bf16 weights", &logits(&model, &PROBE), &expected, BF16_TOLERANCE);
}

#[test]
fn weights_cast_after_loading_equal_weights_loaded_so() {
    let precision = Precision { weights: FloatDType::BF16, ..Precision::default() };
    let loaded = load_model(&fixture("qwen2-tiny"), precision, &Device::flex()).unwrap();
    let cast = load(&fixture("qwen2-tiny"), FloatDType::F32).with_weights_as(FloatDType::BF16);
    assert_eq!(cast.precision(), precision);
    assert_eq!(parameter_bits(&cast), parameter_bits(&loaded));
    assert_eq!(probe_bits(&cast), probe_bits(&loaded));
}

#[test]
fn a_tied_model_ignores_a_stray_head() {
    let dir = copy_of("qwen2-tiny-tied");
    let expected = probe_bits(&load(dir.path(), FloatDType::F32));
    edit_tensors(&dir.path().join(WEIGHTS), |tensors| {
        let (dtype, shape, data) = tensors["model.embed_tokens.weight"].clone();
        tensors.insert("lm_head.weight".to_owned(), (dtype, shape, vec![0x3f; data.len()]));
    });
    assert_eq!(probe_bits(&load(dir.path(), FloatDType::F32)), expected);
}

#[test]
fn stored_rotary_frequencies_are_ignored() {
    let dir = copy_of("llama3-tiny");
    let expected = probe_bits(&load(dir.path(), FloatDType::F32));
    edit_tensors(&dir.path().join(WEIGHTS), |tensors| {
        let name = "model.layers.0.self_attn.rotary_emb.inv_freq";
        tensors.insert(name.to_owned(), (Dtype::F32, vec![8], vec![0; 32]));
    });
    assert_eq!(probe_bits(&load(dir.path(), FloatDType::F32)), expected);
}
