//! Merged.

use burn::tensor::{Device, FloatDType};
use iopo_model::{LoraConfig, Precision, load_adapter, load_model};

use super::base;
use crate::common::{
    PROBE, assert_close, fixture, largest, load, logits, parameter_bits, peft_fixture, probe_bits,
    with_random_b,
};

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
