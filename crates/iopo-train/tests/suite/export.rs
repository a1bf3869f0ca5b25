//! Merged models.

use std::fs;
use std::path::Path;

use burn::tensor::{Device, FloatDType};
use iopo_model::{CausalLm, Parameters, Precision, TokenLayout, load_model, save_adapter, save_model};
use iopo_train::{ExportReport, TrainError, export_merged};

use crate::common::{adapted, base, names_in, tiny, trained_adapter};

fn export(adapter: &Path, out: &Path, dtype: FloatDType) -> Result<ExportReport, TrainError> {
    export_merged(&tiny(), adapter, out, dtype, &Device::flex())
}

fn logits(model: &CausalLm) -> Vec<f64> {
    let layout = TokenLayout::sequence((5..40).collect(), 0).unwrap();
    model.logits(model.hidden_states(&layout).unwrap()).try_into_vec_as::<f64>().unwrap()
}

fn largest_difference(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| (x - y).abs()).fold(0.0, f64::max)
}

/// The trained adapter with its update made smaller by a factor.
fn faint_adapter(dir: &Path, factor: f64) {
    use burn::module::Module;
    let faint = adapted(FloatDType::F32)
        .train()
        .update_trainable(|name, values| name.contains("lora_B").then(|| values * factor));
    save_adapter(&faint, "model", dir).unwrap();
}

#[test]
fn a_merged_model_answers_as_its_adapter_does() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("merged");
    let report = export(&trained_adapter(), &out, FloatDType::F32).unwrap();
    assert!(report.difference <= report.tolerance, "{report:?}");
    assert!(report.rms_difference < 1e-3 * report.effect, "{report:?}");
    let merged = load_model(&out, Precision::default(), &Device::flex()).unwrap();
    let adapted = logits(&adapted(FloatDType::F32));
    let effect = largest_difference(&adapted, &logits(&base(FloatDType::F32)));
    assert!(largest_difference(&logits(&merged), &adapted) < 1e-3 * effect);
    assert_eq!(
        names_in(&out),
        [
            "config.json",
            "generation_config.json",
            "model.safetensors",
            "tokenizer.json",
            "tokenizer_config.json"
        ]
    );
    // Nothing but the export is left.
    assert_eq!(names_in(dir.path()), ["merged"]);
}

#[test]
fn an_update_that_bf16_can_hold_is_exported_in_bf16() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("merged");
    let report = export(&trained_adapter(), &out, FloatDType::BF16).unwrap();
    assert!(report.rms_difference < 0.5 * report.effect, "{report:?}");
    let config = fs::read_to_string(out.join("config.json")).unwrap();
    assert!(config.contains(r#""torch_dtype": "bfloat16""#), "{config}");
}

#[test]
fn an_update_that_bf16_rounds_away_is_refused_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (adapter, out) = (dir.path().join("adapter"), dir.path().join("merged"));
    faint_adapter(&adapter, 1e-2);
    let error = export(&adapter, &out, FloatDType::BF16).unwrap_err();
    assert!(matches!(error, TrainError::MergeLosesUpdate { .. }), "{error}");
    assert!(error.to_string().contains("export as float32"), "{error}");
    assert_eq!(names_in(dir.path()), ["adapter"]);
    // f32 holds it.
    let report = export(&adapter, &out, FloatDType::F32).unwrap();
    assert!(report.rms_difference < 0.01 * report.effect, "{report:?}");
}

/// The case that a fixed tolerance cannot see: bf16 weights, an update below half their last bit.
#[test]
fn a_bf16_model_that_would_come_out_unchanged_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (model, adapter) = (dir.path().join("model"), dir.path().join("adapter"));
    save_model(&base(FloatDType::F32).with_weights_as(FloatDType::BF16), &tiny(), &model).unwrap();
    faint_adapter(&adapter, 1e-3);
    let out = dir.path().join("merged");
    match export_merged(&model, &adapter, &out, FloatDType::BF16, &Device::flex()) {
        Err(TrainError::MergeLosesUpdate { difference, effect, .. }) => {
            // All of the effect is gone, though the logits moved by next to nothing.
            assert!(difference > 0.5 * effect && difference < 0.01, "{difference} {effect}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_adapter_without_effect_has_nothing_to_lose() {
    let dir = tempfile::tempdir().unwrap();
    let adapter = dir.path().join("adapter");
    faint_adapter(&adapter, 0.0);
    for (name, dtype) in [("f32", FloatDType::F32), ("bf16", FloatDType::BF16)] {
        let report = export(&adapter, &dir.path().join(name), dtype).unwrap();
        assert_eq!(report.effect, 0.0);
    }
}

#[test]
fn a_model_that_is_not_finite_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let adapter = dir.path().join("adapter");
    faint_adapter(&adapter, f64::INFINITY);
    let error = export(&adapter, &dir.path().join("merged"), FloatDType::F32).unwrap_err();
    assert!(error.to_string().contains("logits differ from the adapter's by NaN"), "{error}");
    assert_eq!(names_in(dir.path()), ["adapter"]);
}

#[test]
fn what_a_killed_export_left_does_not_come_along() {
    let dir = tempfile::tempdir().unwrap();
    let (left, mine) = (dir.path().join(".merged.part-Ab3dEf.tmp"), dir.path().join(".merged.tmp"));
    fs::create_dir(&left).unwrap();
    fs::create_dir(&mine).unwrap();
    fs::write(left.join("model.safetensors.index.json"), "{}").unwrap();
    let out = dir.path().join("merged");
    export(&trained_adapter(), &out, FloatDType::F32).unwrap();
    assert!(!out.join("model.safetensors.index.json").exists());
    assert_eq!(names_in(dir.path()), [".merged.tmp", "merged"]);
}

#[test]
fn a_folder_that_holds_something_is_not_exported_to() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("notes.txt"), "mine").unwrap();
    let error = export(&trained_adapter(), dir.path(), FloatDType::F32).unwrap_err();
    assert!(error.to_string().contains("not empty"), "{error}");
    assert_eq!(names_in(dir.path()), ["notes.txt"]);
}

#[test]
fn an_empty_folder_is_exported_to() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("empty");
    fs::create_dir(&out).unwrap();
    export(&trained_adapter(), &out, FloatDType::F32).unwrap();
    assert!(out.join("model.safetensors").is_file());
}

#[test]
fn an_adapter_that_is_not_there_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let error = export(&dir.path().join("none"), &dir.path().join("merged"), FloatDType::F32).unwrap_err();
    assert!(error.to_string().contains("none"), "{error}");
    assert_eq!(names_in(dir.path()), [""; 0]);
}
