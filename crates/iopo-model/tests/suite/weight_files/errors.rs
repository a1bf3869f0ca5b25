//! Every way to be wrong.

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::path::Path;

use burn::tensor::{Device, FloatDType};
use iopo_model::{LoraConfig, Precision, WeightsError, load_model, save_model, write_safetensors};
use safetensors::Dtype;
use serde_json::json;

use super::{INDEX, NORM, WEIGHTS, files_in, shard, try_load};
use crate::common::{copy_of, edit_json, edit_tensors, fixture, load, read_tensors};

#[test]
fn a_folder_without_weights_is_an_error() {
    let dir = copy_of("qwen2-tiny");
    fs::remove_file(dir.path().join(WEIGHTS)).unwrap();
    let error = try_load(dir.path()).unwrap_err();
    let reason = "found neither model.safetensors nor model.safetensors.index.json";
    assert_eq!(error.to_string(), format!("{}: {reason}", dir.path().display()));
}

#[test]
fn a_bad_config_is_reported_as_such() {
    let dir = copy_of("qwen2-tiny");
    fs::write(dir.path().join("config.json"), "{").unwrap();
    let error = try_load(dir.path()).unwrap_err();
    assert!(matches!(error, WeightsError::Config(_)), "{error:?}");
    assert!(error.source().is_some(), "the position in the file is lost");
}

#[test]
fn a_missing_tensor_is_named() {
    let dir = copy_of("qwen2-tiny");
    edit_tensors(&dir.path().join(WEIGHTS), |tensors| {
        tensors.remove(NORM);
    });
    let error = try_load(dir.path()).unwrap_err();
    assert_eq!(error.to_string(), format!("{}: 1 tensor missing: {NORM}", dir.path().display()));
}

#[test]
fn an_untied_model_misses_its_head() {
    let dir = copy_of("qwen2-tiny-tied");
    edit_json(&dir.path().join("config.json"), |config| {
        config.insert("tie_word_embeddings".to_owned(), json!(false));
    });
    let error = try_load(dir.path()).unwrap_err();
    assert!(error.to_string().ends_with(": 1 tensor missing: lm_head.weight"), "{error}");
}

#[test]
fn an_unexpected_tensor_is_named() {
    let dir = copy_of("llama3-tiny");
    edit_tensors(&dir.path().join(WEIGHTS), |tensors| {
        tensors
            .insert("model.layers.0.self_attn.q_norm.weight".to_owned(), (Dtype::F32, vec![1], vec![0; 4]));
    });
    let error = try_load(dir.path()).unwrap_err();
    let expected =
        ": 1 tensor unexpected: model.layers.0.self_attn.q_norm.weight; the configuration describes";
    assert!(error.to_string().contains(expected), "{error}");
}

#[test]
fn a_mis_shaped_tensor_names_file_tensor_and_both_shapes() {
    let dir = copy_of("qwen2-tiny");
    let name = "model.layers.1.mlp.up_proj.weight";
    edit_tensors(&dir.path().join(WEIGHTS), |tensors| {
        tensors.get_mut(name).unwrap().1.reverse();
    });
    let error = try_load(dir.path()).unwrap_err();
    let path = dir.path().join(WEIGHTS);
    let expected =
        format!("{}: tensor {name} has shape [64, 176], the configuration needs [176, 64]", path.display());
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_tensor_of_another_rank_is_mis_shaped() {
    let dir = copy_of("qwen2-tiny");
    edit_tensors(&dir.path().join(WEIGHTS), |tensors| {
        tensors.get_mut(NORM).unwrap().1 = vec![1, 64];
    });
    let error = try_load(dir.path()).unwrap_err();
    assert!(error.to_string().contains(&format!("tensor {NORM} has shape [1, 64]")), "{error}");
}

#[test]
fn a_tensor_of_integers_names_file_tensor_and_type() {
    let dir = copy_of("qwen2-tiny");
    edit_tensors(&dir.path().join(WEIGHTS), |tensors| {
        tensors.get_mut(NORM).unwrap().0 = Dtype::I32;
    });
    let error = try_load(dir.path()).unwrap_err();
    let path = dir.path().join(WEIGHTS);
    let expected =
        format!("{}: tensor {NORM} is stored as I32; supported: F64, F32, F16, BF16", path.display());
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_truncated_file_names_itself_and_its_length() {
    let dir = copy_of("qwen2-tiny");
    let path = dir.path().join(WEIGHTS);
    fs::write(&path, &fs::read(&path).unwrap()[..500_000]).unwrap();
    let error = try_load(dir.path()).unwrap_err();
    assert!(matches!(error, WeightsError::Format { len: 500_000, .. }), "{error:?}");
    assert!(error.to_string().starts_with(&path.display().to_string()), "{error}");
    assert!(error.to_string().contains("; was the download or copy cut off?"), "{error}");
}

#[test]
fn a_folder_in_the_place_of_a_shard_cannot_be_read() {
    let dir = copy_of("qwen2-tiny");
    shard(dir.path());
    let shard = dir.path().join("model-00001-of-00002.safetensors");
    fs::remove_file(&shard).unwrap();
    fs::create_dir(&shard).unwrap();
    let error = try_load(dir.path()).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot read {}", shard.display()));
}

#[test]
fn an_absent_shard_is_named() {
    let dir = copy_of("qwen2-tiny");
    shard(dir.path());
    let shard = dir.path().join("model-00002-of-00002.safetensors");
    fs::remove_file(&shard).unwrap();
    let error = try_load(dir.path()).unwrap_err();
    let reason = "1 of the 2 files that it names are missing, model-00002-of-00002.safetensors among them";
    let expected = format!("{}: {reason}; was the download broken off?", dir.path().join(INDEX).display());
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_broken_index_is_an_error() {
    for text in ["", "[]", "{}", "{\"weight_map\": []}", "{\"weight_map\": {\"a\": 1}}"] {
        let dir = copy_of("qwen2-tiny");
        shard(dir.path());
        fs::write(dir.path().join(INDEX), text).unwrap();
        let error = try_load(dir.path()).unwrap_err();
        let expected = format!("{}: not an index of safetensors shards: ", dir.path().join(INDEX).display());
        assert!(error.to_string().starts_with(&expected), "{text}: {error}");
    }
}

#[test]
fn an_index_cannot_point_out_of_its_folder() {
    for file in ["../model.safetensors", "/etc/passwd", "sub/model.safetensors", "..", ".", ""] {
        let dir = copy_of("qwen2-tiny");
        shard(dir.path());
        fs::write(dir.path().join(INDEX), json!({ "weight_map": { NORM: file } }).to_string()).unwrap();
        let error = try_load(dir.path()).unwrap_err();
        assert!(error.to_string().contains("is not a plain file name"), "{file}: {error}");
    }
}

#[test]
fn a_tensor_in_two_shards_is_named_with_both() {
    let dir = copy_of("qwen2-tiny");
    shard(dir.path());
    let shards = [1, 2].map(|number| dir.path().join(format!("model-0000{number}-of-00002.safetensors")));
    let copied = read_tensors(&shards[0]).into_iter().next().unwrap();
    edit_tensors(&shards[1], |tensors| {
        tensors.insert(copied.0.clone(), copied.1);
    });
    let error = try_load(dir.path()).unwrap_err();
    let (name, [first, second]) = (copied.0, shards.map(|path| path.display().to_string()));
    assert!(
        error.to_string().ends_with(&format!(": tensor {name} is in both {first} and {second}")),
        "{error}"
    );
}

#[test]
fn a_float_type_that_the_device_lacks_is_refused() {
    let precision = Precision { weights: FloatDType::Flex32, ..Precision::default() };
    let error = load_model(&fixture("qwen2-tiny"), precision, &Device::flex()).unwrap_err();
    assert!(error.to_string().contains("does not compute in "), "{error}");
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a file");
    fs::write(&file, "").unwrap();
    let model = load(&fixture("qwen2-tiny"), FloatDType::F32);
    let error = save_model(&model, &fixture("qwen2-tiny"), &file.join("out")).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot write {}", file.join("out").display()));
    let error = write_safetensors(&file.join("x.safetensors"), &[]).unwrap_err();
    assert!(error.to_string().starts_with("cannot write "), "{error}");
}

#[test]
fn saving_needs_the_config_of_its_source() {
    let out = tempfile::tempdir().unwrap();
    let model = load(&fixture("qwen2-tiny"), FloatDType::F32);
    let error = save_model(&model, Path::new("no/such/folder"), out.path()).unwrap_err();
    assert!(matches!(error, WeightsError::Config(_)), "{error:?}");
    assert!(error.to_string().contains("no/such/folder"), "{error}");
}

#[test]
fn a_folder_of_shards_is_not_written_over() {
    let dir = copy_of("qwen2-tiny");
    shard(dir.path());
    let before = files_in(dir.path());
    let model = load(dir.path(), FloatDType::F32);
    let error = save_model(&model, dir.path(), dir.path()).unwrap_err();
    assert!(error.to_string().ends_with(": holds a sharded model; write to another folder"), "{error}");
    assert_eq!(files_in(dir.path()), before);
}

#[test]
fn a_model_with_an_adapter_is_not_saved_without_it() {
    let out = tempfile::tempdir().unwrap();
    let model = load(&fixture("qwen2-tiny"), FloatDType::F32).attach_lora(&LoraConfig::default(), 1).unwrap();
    let error = save_model(&model, &fixture("qwen2-tiny"), out.path()).unwrap_err();
    assert!(matches!(error, WeightsError::Lora(_)), "{error:?}");
    assert_eq!(files_in(out.path()), BTreeSet::new());
}
