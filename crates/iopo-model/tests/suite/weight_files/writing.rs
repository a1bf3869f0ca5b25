//! What is written.

use std::fs;
use std::path::Path;

use burn::tensor::{Device, FloatDType};
use iopo_model::{NamedTensor, WeightFiles, save_model, write_safetensors};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{WEIGHTS, files_in};
use crate::common::{copy_of, fixture, floats, load, parameter_bits, probe_bits, tensor};

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
