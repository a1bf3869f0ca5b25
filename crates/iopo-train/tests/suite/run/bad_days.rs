//! Bad days.

use std::fs;

use burn::module::Module;
use burn::tensor::{Device, FloatDType};
use iopo_model::Parameters;
use iopo_model::{Precision, load_adapter, load_model, save_adapter};
use iopo_train::{TrainError, Trainer, latest_checkpoint, prepare};
use tempfile::tempdir;

use super::{SHORT, fail, lines};
use crate::common::{adapted, config, copy_folder, names_in, tiny};

#[test]
fn a_loss_that_is_not_finite_stops_the_run_and_keeps_good_checkpoints() {
    let dir = tempdir().unwrap();
    // Finite weights, and so large that the next forward pass overflows.
    let error = fail(dir.path(), &["learning_rate=1e30", "save_steps=1", "lr_scheduler_type=constant"]);
    assert!(matches!(error, TrainError::NotFinite { step: 2, .. }), "{error}");
    let latest = latest_checkpoint(dir.path()).unwrap().unwrap();
    assert!(latest.ends_with("checkpoint-1"));
    let base = load_model(&tiny(), Precision::default(), &Device::flex()).unwrap();
    assert!(load_adapter(base, &latest).is_ok());
    // No final model stands where a good one would.
    assert!(!dir.path().join("adapter_model.safetensors").exists());
    assert_eq!(lines(dir.path()).len(), 1);
}

#[test]
fn weights_that_are_not_finite_are_never_written() {
    for line in ["save_steps=1", "max_steps=1"] {
        let dir = tempdir().unwrap();
        let error = fail(dir.path(), &["learning_rate=1e39", "lr_scheduler_type=constant", line]);
        assert!(matches!(error, TrainError::NotFinite { step: 1, what: "updated weight", .. }), "{error}");
        assert_eq!(
            names_in(dir.path()),
            [".iopo-written.jsonl", ".lock", "reference_cache", "trainer_log.jsonl"]
        );
    }
}

#[test]
fn a_model_that_is_not_finite_does_not_start() {
    let dir = tempdir().unwrap();
    let adapter = dir.path().join("adapter");
    let broken = {
        adapted(FloatDType::F32)
            .train()
            .update_trainable(|name, values| name.contains("lora_B").then(|| values.full_like(f64::INFINITY)))
    };
    save_adapter(&broken, "model", &adapter).unwrap();
    let out = dir.path().join("out");
    let line = format!("adapter_name_or_path={}", adapter.display());
    let error = fail(&out, &[&line]);
    assert!(matches!(error, TrainError::BrokenStart { .. }), "{error}");
    assert!(!out.exists());
}

#[test]
fn a_tokenizer_of_another_model_is_refused() {
    let dir = tempdir().unwrap();
    let model = dir.path().join("model");
    copy_folder(&tiny(), &model);
    let config_text = fs::read_to_string(model.join("config.json")).unwrap();
    let small = config_text.replace(r#""vocab_size": 1024"#, r#""vocab_size": 64"#);
    fs::write(model.join("config.json"), small).unwrap();
    let line = format!("model_name_or_path={}", model.display());
    let error = fail(&dir.path().join("out"), &[&line]);
    assert!(error.to_string().contains("64"), "{error}");
}

#[test]
fn a_trainer_without_examples_says_so() {
    let dir = tempdir().unwrap();
    let config = config(dir.path(), &SHORT);
    let mut prepared = prepare(&config, &Device::flex()).unwrap();
    prepared.data.train.clear();
    let error = Trainer::from_prepared(config, prepared).run(&mut ()).unwrap_err();
    assert!(error.to_string().contains("no example is left to train on"), "{error}");
}
