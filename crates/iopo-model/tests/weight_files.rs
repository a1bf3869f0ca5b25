//! Weights of Hugging Face folders: what loads, what is written, and one test for every way to be wrong.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::{DType, Device, FloatDType};
use common::{
    PROBE, Stored, assert_close, copy_of, edit_json, edit_tensors, fixture, floats, load, logits,
    parameter_bits, probe_bits, read_tensors, sequence, tensor, trainable, write_tensors,
};
use half::{bf16, f16};
use iopo_model::{
    CausalLm, LoraConfig, NamedTensor, Parameters, Precision, Predictions, WeightFiles, WeightsError,
    load_model, save_model, write_safetensors,
};
use proptest::prelude::*;
use safetensors::Dtype;
use serde_json::{Value, json};

const WEIGHTS: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
const NORM: &str = "model.norm.weight";

fn try_load(dir: &Path) -> Result<CausalLm, WeightsError> {
    load_model(dir, Precision::default(), &Device::flex())
}

fn f32s(stored: &Stored) -> Vec<f32> {
    assert_eq!(stored.0, Dtype::F32);
    stored.2.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}

/// Rewrites every tensor in another type.
fn convert(dir: &Path, dtype: Dtype, bytes: impl Fn(f32) -> Vec<u8>) {
    edit_tensors(&dir.join(WEIGHTS), |tensors| {
        for stored in tensors.values_mut() {
            *stored = (dtype, stored.1.clone(), f32s(stored).into_iter().flat_map(&bytes).collect());
        }
    });
}

fn to_bf16(dir: &Path) {
    convert(dir, Dtype::BF16, |value| bf16::from_f32(value).to_le_bytes().to_vec());
}

/// Splits the weights over two files with an index.
fn shard(dir: &Path) {
    let all = read_tensors(&dir.join(WEIGHTS));
    let mut map = serde_json::Map::new();
    for (number, parity) in [(1, 0), (2, 1)] {
        let file = format!("model-0000{number}-of-00002.safetensors");
        let half =
            all.clone().into_iter().enumerate().filter(|(i, _)| i % 2 == parity).map(|(_, entry)| entry);
        let half = half.collect::<common::StoredTensors>();
        map.extend(half.keys().map(|name| (name.clone(), json!(file))));
        write_tensors(&dir.join(file), &half);
    }
    fs::write(dir.join(INDEX), json!({ "metadata": {}, "weight_map": map }).to_string()).unwrap();
    fs::remove_file(dir.join(WEIGHTS)).unwrap();
}

fn files_in(dir: &Path) -> BTreeSet<String> {
    fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

// ---- what loads

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
    let predictions = Predictions { sources: vec![0], targets: vec![1] };
    let total = model.token_log_probs(&sequence(&[3, 4]), &predictions).unwrap().sum();
    let gradients = model.take_gradients(&mut total.backward());
    assert_eq!(gradients.into_iter().map(|gradient| gradient.name).collect::<BTreeSet<_>>(), expected);
    let mut seen = BTreeSet::new();
    let _ = model.update_trainable(|name, _| {
        seen.insert(name.to_owned());
        None
    });
    assert_eq!(seen, expected);
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

// ---- what is written

#[test]
fn a_saved_model_loads_to_the_same_bits() {
    for (name, dtype) in [
        ("qwen2-tiny", FloatDType::F32),
        ("qwen2-tiny-tied", FloatDType::F32),
        ("llama3-tiny", FloatDType::F64),
        ("qwen2-tiny", FloatDType::BF16),
        ("llama3-tiny", FloatDType::F16),
    ] {
        let (model, out) = (load(&fixture(name), dtype), tempfile::tempdir().unwrap());
        save_model(&model, &fixture(name), out.path()).unwrap();
        let again = load(out.path(), dtype);
        assert_eq!(parameter_bits(&again), parameter_bits(&model), "{name} {dtype:?}");
        assert_eq!(probe_bits(&again), probe_bits(&model), "{name} {dtype:?}");
    }
}

#[test]
fn saving_twice_gives_the_same_bytes() {
    let model = load(&fixture("qwen2-tiny"), FloatDType::F32);
    let folders = [(); 2].map(|()| {
        let out = tempfile::tempdir().unwrap();
        save_model(&model, &fixture("qwen2-tiny"), out.path()).unwrap();
        out
    });
    let [first, second] = folders.each_ref().map(|folder| folder.path());
    assert_eq!(files_in(first), files_in(second));
    for file in files_in(first) {
        assert_eq!(fs::read(first.join(&file)).unwrap(), fs::read(second.join(&file)).unwrap(), "{file}");
    }
}

#[test]
fn a_saved_folder_holds_the_files_of_its_source_and_nothing_else() {
    let out = tempfile::tempdir().unwrap();
    save_model(&load(&fixture("qwen2-tiny"), FloatDType::F32), &fixture("qwen2-tiny"), out.path()).unwrap();
    assert_eq!(files_in(out.path()), files_in(&fixture("qwen2-tiny")));
    for file in ["tokenizer.json", "tokenizer_config.json", "generation_config.json"] {
        assert_eq!(
            fs::read(out.path().join(file)).unwrap(),
            fs::read(fixture("qwen2-tiny").join(file)).unwrap(),
            "{file}"
        );
    }
}

#[test]
fn a_saved_config_keeps_every_key_and_names_the_new_float_type() {
    for (name, key) in [("qwen2-tiny", "torch_dtype"), ("qwen2-tiny-hf5", "dtype")] {
        let out = tempfile::tempdir().unwrap();
        save_model(&load(&fixture(name), FloatDType::BF16), &fixture(name), out.path()).unwrap();
        let read = |dir: &Path| -> Value {
            serde_json::from_str(&fs::read_to_string(dir.join("config.json")).unwrap()).unwrap()
        };
        let mut expected = read(&fixture(name));
        assert_eq!(expected[key], "float32");
        expected[key] = json!("bfloat16");
        assert_eq!(read(out.path()), expected);
    }
}

#[test]
fn saving_into_the_source_itself_loses_nothing() {
    let dir = copy_of("qwen2-tiny");
    let before = files_in(dir.path());
    let tokenizer = fs::read(dir.path().join("tokenizer.json")).unwrap();
    let model = load(dir.path(), FloatDType::F32);
    // The same folder by another name, so that comparing paths would not notice.
    let alias = dir.path().join("..").join(dir.path().file_name().unwrap());
    save_model(&model, dir.path(), &alias).unwrap();
    assert_eq!(files_in(dir.path()), before);
    assert_eq!(fs::read(dir.path().join("tokenizer.json")).unwrap(), tokenizer);
    assert_eq!(parameter_bits(&load(dir.path(), FloatDType::F32)), parameter_bits(&model));
}

#[cfg(unix)]
#[test]
fn saved_weights_are_as_readable_as_the_files_beside_them() {
    use std::os::unix::fs::PermissionsExt;
    let out = tempfile::tempdir().unwrap();
    save_model(&load(&fixture("qwen2-tiny"), FloatDType::F32), &fixture("qwen2-tiny"), out.path()).unwrap();
    let mode = |file: &str| fs::metadata(out.path().join(file)).unwrap().permissions().mode();
    assert_eq!(mode(WEIGHTS), mode("config.json"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn written_tensors_read_back_to_the_same_bits(
        values in prop::collection::vec(any::<f32>(), 1..40),
        names in prop::collection::btree_set("[a-z._0-9]{1,12}", 1..5),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("some.safetensors");
        let stored: Vec<f64> = values.iter().copied().map(f64::from).collect();
        let tensors: Vec<NamedTensor> = names
            .iter()
            .map(|name| NamedTensor {
                name: name.clone(),
                shape: vec![values.len()],
                values: tensor(&stored, [values.len()], FloatDType::F32),
            })
            .collect();
        write_safetensors(&path, &tensors).unwrap();
        let mut files = WeightFiles::open_file(&path).unwrap();
        let found: Vec<String> = files.names().map(str::to_owned).collect();
        prop_assert_eq!(found, names.iter().cloned().collect::<Vec<_>>());
        for name in &names {
            let read = files.take(name, [values.len()], FloatDType::F32, &Device::flex()).unwrap();
            let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            prop_assert_eq!(bits(&floats(read)), bits(&stored));
        }
        files.finish().unwrap();
    }
}

// ---- every way to be wrong

#[test]
fn a_folder_without_weights_is_an_error() {
    let dir = copy_of("qwen2-tiny");
    fs::remove_file(dir.path().join(WEIGHTS)).unwrap();
    let error = try_load(dir.path()).unwrap_err();
    assert!(matches!(&error, WeightsError::NoWeights { dir: named } if named == dir.path()), "{error:?}");
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
    assert!(matches!(&error, WeightsError::Missing { names, .. } if names == &[NORM]), "{error:?}");
    assert_eq!(error.to_string(), format!("{}: 1 tensor missing: {NORM}", dir.path().display()));
}

#[test]
fn an_untied_model_misses_its_head() {
    let dir = copy_of("qwen2-tiny-tied");
    edit_json(&dir.path().join("config.json"), |config| {
        config.insert("tie_word_embeddings".to_owned(), json!(false));
    });
    let error = try_load(dir.path()).unwrap_err();
    assert!(
        matches!(&error, WeightsError::Missing { names, .. } if names == &["lm_head.weight"]),
        "{error:?}"
    );
}

#[test]
fn an_unexpected_tensor_is_named() {
    let dir = copy_of("llama3-tiny");
    edit_tensors(&dir.path().join(WEIGHTS), |tensors| {
        tensors
            .insert("model.layers.0.self_attn.q_norm.weight".to_owned(), (Dtype::F32, vec![1], vec![0; 4]));
    });
    let error = try_load(dir.path()).unwrap_err();
    let WeightsError::Unexpected { names, .. } = &error else { panic!("{error:?}") };
    assert_eq!(names, &["model.layers.0.self_attn.q_norm.weight"]);
    assert!(error.to_string().contains("q_norm"), "{error}");
}

#[test]
fn a_mis_shaped_tensor_names_file_tensor_and_both_shapes() {
    let dir = copy_of("qwen2-tiny");
    let name = "model.layers.1.mlp.up_proj.weight";
    edit_tensors(&dir.path().join(WEIGHTS), |tensors| {
        tensors.get_mut(name).unwrap().1.reverse();
    });
    let error = try_load(dir.path()).unwrap_err();
    assert!(matches!(error, WeightsError::Shape { .. }), "{error:?}");
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
    assert!(matches!(&error, WeightsError::Shape { found, .. } if found == &[1, 64]), "{error:?}");
}

#[test]
fn a_tensor_of_integers_names_file_tensor_and_type() {
    let dir = copy_of("qwen2-tiny");
    edit_tensors(&dir.path().join(WEIGHTS), |tensors| {
        tensors.get_mut(NORM).unwrap().0 = Dtype::I32;
    });
    let error = try_load(dir.path()).unwrap_err();
    assert!(matches!(&error, WeightsError::Dtype { name, .. } if name == NORM), "{error:?}");
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
    assert!(error.source().is_some(), "the reader's own words are lost");
}

#[test]
fn a_folder_in_the_place_of_a_shard_cannot_be_read() {
    let dir = copy_of("qwen2-tiny");
    shard(dir.path());
    let shard = dir.path().join("model-00001-of-00002.safetensors");
    fs::remove_file(&shard).unwrap();
    fs::create_dir(&shard).unwrap();
    let error = try_load(dir.path()).unwrap_err();
    assert!(matches!(&error, WeightsError::Read { path, .. } if path == &shard), "{error:?}");
}

#[test]
fn an_absent_shard_is_named() {
    let dir = copy_of("qwen2-tiny");
    shard(dir.path());
    let shard = dir.path().join("model-00002-of-00002.safetensors");
    fs::remove_file(&shard).unwrap();
    let error = try_load(dir.path()).unwrap_err();
    assert!(matches!(&error, WeightsError::Read { path, .. } if path == &shard), "{error:?}");
}

#[test]
fn a_broken_index_is_an_error() {
    for text in ["", "[]", "{}", "{\"weight_map\": []}", "{\"weight_map\": {\"a\": 1}}"] {
        let dir = copy_of("qwen2-tiny");
        shard(dir.path());
        fs::write(dir.path().join(INDEX), text).unwrap();
        let error = try_load(dir.path()).unwrap_err();
        assert!(
            matches!(&error, WeightsError::Index { path, .. } if path.ends_with(INDEX)),
            "{text}: {error:?}"
        );
    }
}

#[test]
fn an_index_cannot_point_out_of_its_folder() {
    for file in ["../model.safetensors", "/etc/passwd", "sub/model.safetensors", "..", ".", ""] {
        let dir = copy_of("qwen2-tiny");
        shard(dir.path());
        fs::write(dir.path().join(INDEX), json!({ "weight_map": { NORM: file } }).to_string()).unwrap();
        let error = try_load(dir.path()).unwrap_err();
        assert!(matches!(error, WeightsError::Index { .. }), "{file}: {error:?}");
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
    let WeightsError::Duplicate { name, first, second } = error else { panic!("{error:?}") };
    assert_eq!((name, [first, second]), (copied.0, shards));
}

#[test]
fn a_float_type_that_the_device_lacks_is_refused() {
    let precision = Precision { weights: FloatDType::Flex32, ..Precision::default() };
    let error = load_model(&fixture("qwen2-tiny"), precision, &Device::flex()).unwrap_err();
    assert!(matches!(error, WeightsError::UnsupportedDtype { .. }), "{error:?}");
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a file");
    fs::write(&file, "").unwrap();
    let model = load(&fixture("qwen2-tiny"), FloatDType::F32);
    let error = save_model(&model, &fixture("qwen2-tiny"), &file.join("out")).unwrap_err();
    assert!(matches!(&error, WeightsError::Write { path, .. } if path == &file.join("out")), "{error:?}");
    let error = write_safetensors(&file.join("x.safetensors"), &[]).unwrap_err();
    assert!(matches!(error, WeightsError::Write { .. }), "{error:?}");
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
    assert!(matches!(error, WeightsError::ShardsInTheWay { .. }), "{error:?}");
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

// ---- hostile files

fn header_length(bytes: &[u8]) -> usize {
    u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize
}

fn write_weights(dir: &Path, bytes: &[u8]) -> PathBuf {
    let path = dir.join(WEIGHTS);
    fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn a_file_cut_at_any_length_is_a_format_error() {
    let dir = copy_of("qwen2-tiny");
    let whole = fs::read(dir.path().join(WEIGHTS)).unwrap();
    let header = 8 + header_length(&whole);
    let near = |at: usize| at.saturating_sub(3)..(at + 3).min(whole.len());
    let lengths = (0..24).chain(near(header)).chain((0..whole.len()).step_by(9_973)).chain(near(whole.len()));
    let mut tried = 0;
    for length in lengths {
        write_weights(dir.path(), &whole[..length]);
        let error = try_load(dir.path()).unwrap_err();
        assert!(matches!(error, WeightsError::Format { len, .. } if len == length), "{length}: {error:?}");
        tried += 1;
    }
    println!("{tried} lengths of {}", whole.len());
}

#[test]
fn a_file_with_bytes_after_its_tensors_is_a_format_error() {
    let dir = copy_of("qwen2-tiny");
    let mut bytes = fs::read(dir.path().join(WEIGHTS)).unwrap();
    bytes.push(0);
    write_weights(dir.path(), &bytes);
    assert!(matches!(try_load(dir.path()).unwrap_err(), WeightsError::Format { .. }));
}

/// Writes a file of the given header and `data` bytes of zeros.
fn with_header(dir: &Path, header: &str, data: usize) -> Result<CausalLm, WeightsError> {
    let bytes: Vec<u8> =
        (header.len() as u64).to_le_bytes().into_iter().chain(header.bytes()).chain(vec![0; data]).collect();
    write_weights(dir, &bytes);
    try_load(dir)
}

#[test]
fn headers_that_lie_are_format_errors() {
    let dir = copy_of("qwen2-tiny");
    let tensor = |shape: &str, offsets: &str| {
        format!("{{\"{NORM}\":{{\"dtype\":\"F32\",\"shape\":{shape},\"data_offsets\":{offsets}}}}}")
    };
    for (what, header, data) in [
        ("offsets past the end", tensor("[64]", "[0,256]"), 100),
        ("offsets backwards", tensor("[64]", "[256,0]"), 256),
        ("a gap before the data", tensor("[1]", "[4,8]"), 8),
        ("shape and offsets disagree", tensor("[65]", "[0,256]"), 256),
        ("a shape that overflows", tensor("[4294967296,4294967296,4]", "[0,256]"), 256),
        ("an offset that overflows", tensor("[64]", "[0,18446744073709551615]"), 256),
        ("a negative size", tensor("[-64]", "[0,256]"), 256),
        ("no such type", tensor("[64]", "[0,256]").replace("F32", "F31"), 256),
        ("not JSON", "tensors".to_owned(), 256),
        ("deep nesting", "[".repeat(100_000), 0),
        ("a number", "3".to_owned(), 0),
    ] {
        let error = with_header(dir.path(), &header, data).unwrap_err();
        assert!(matches!(error, WeightsError::Format { .. }), "{what}: {error:?}");
    }
}

#[test]
fn a_header_longer_than_any_file_is_a_format_error() {
    let dir = copy_of("qwen2-tiny");
    for length in [u64::MAX, u64::MAX - 8, 1 << 40, 100_000_001] {
        write_weights(dir.path(), &[&length.to_le_bytes()[..], b"{}"].concat());
        assert!(matches!(try_load(dir.path()).unwrap_err(), WeightsError::Format { .. }), "{length}");
    }
}

#[test]
fn an_empty_header_misses_every_tensor() {
    let dir = copy_of("qwen2-tiny");
    match with_header(dir.path(), "{}", 0).unwrap_err() {
        WeightsError::Missing { names, .. } => assert_eq!(names.len(), 27),
        other => panic!("{other}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Loading may succeed, where only a name in the metadata or a weight changed; it must return.
    #[test]
    fn random_bytes_in_the_header_never_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let dir = copy_of("qwen2-tiny");
        let mut bytes = fs::read(dir.path().join(WEIGHTS)).unwrap();
        let header = 8 + header_length(&bytes);
        for (index, byte) in changes {
            bytes[index.index(header)] = byte;
        }
        write_weights(dir.path(), &bytes);
        if let Err(error) = try_load(dir.path()) {
            prop_assert!(!error.to_string().is_empty());
        }
    }

    #[test]
    fn random_files_are_format_errors(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let dir = copy_of("qwen2-tiny");
        write_weights(dir.path(), &bytes);
        let error = try_load(dir.path()).unwrap_err();
        prop_assert!(matches!(error, WeightsError::Format { .. }), "{:?}", error);
    }
}
