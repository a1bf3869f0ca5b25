//! Folders that hold something else than a model with safetensors.

use std::fs;
use std::path::Path;

use super::{WEIGHTS, load_error};
use crate::common::{copy_of, copy_of_folder, fixture, peft_fixture};

/// The message for a model's folder whose weights are replaced by a file of this name.
fn with_file(name: &str) -> String {
    let dir = copy_of("qwen2-tiny");
    fs::remove_file(dir.path().join(WEIGHTS)).unwrap();
    fs::write(dir.path().join(name), "x").unwrap();
    load_error(dir.path())
}

#[test]
fn a_folder_without_safetensors_says_what_it_holds() {
    for (name, expected) in [
        ("pytorch_model.bin", "holds pytorch_model.bin, a Python pickle, which is not read"),
        ("pytorch_model.bin.index.json", "holds pytorch_model.bin.index.json, a Python pickle"),
        ("model.pth", "a Python pickle"),
        ("model-q4_k_m.gguf", "holds model-q4_k_m.gguf, a GGUF file"),
        (
            "consolidated.safetensors",
            "holds consolidated.safetensors, weights under their author's own names",
        ),
        ("consolidated.00.pth", "under their author's own names"),
        ("tf_model.h5", "weights of another framework"),
        ("adapter_model.safetensors", "holds adapter_model.safetensors, of a PEFT adapter, and no model"),
        ("model-00001-of-00002.safetensors", "a shard, and no model.safetensors.index.json"),
        ("weights.safetensors", "holds weights.safetensors, and no model.safetensors"),
        ("notes.txt", "found neither model.safetensors nor model.safetensors.index.json"),
    ] {
        let message = with_file(name);
        assert!(message.contains(expected), "{name}: {message}");
    }
}

#[test]
fn a_path_without_a_model_says_what_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    fs::create_dir(path("empty")).unwrap();
    fs::write(path("file.gguf"), b"GGUF\x03\0\0\0").unwrap();
    fs::create_dir_all(path("hub/snapshots/0a1b")).unwrap();
    fs::copy(fixture("qwen2-tiny").join("config.json"), path("hub/snapshots/0a1b/config.json")).unwrap();
    fs::create_dir_all(path("above/model")).unwrap();
    fs::copy(fixture("qwen2-tiny").join("config.json"), path("above/model/config.json")).unwrap();
    fs::create_dir(path("other")).unwrap();
    fs::write(path("other/readme"), "x").unwrap();
    for (name, expected) in [
        ("none", "no such folder; nothing is downloaded"),
        ("empty", "an empty folder"),
        ("file.gguf", "a file, and not a model's folder: it is a GGUF file"),
        ("hub", "its folder snapshots/0a1b holds a model; give that one"),
        ("above", "its folder model holds a model; give that one"),
        ("other", "holds no config.json, so no model"),
    ] {
        assert_eq!(load_error(&path(name)).split_once(": ").unwrap().1.find(expected), Some(0), "{name}");
    }
    let adapter = load_error(copy_of_folder(&peft_fixture()).path());
    assert!(adapter.contains("holds adapter_config.json, of a PEFT adapter, and no model"), "{adapter}");
    let bare = copy_of("qwen2-tiny");
    fs::remove_file(bare.path().join("config.json")).unwrap();
    assert!(load_error(bare.path()).ends_with(": holds no config.json, so no model"));
}

/// Opening a pipe that nobody writes to would wait for ever.
#[cfg(unix)]
#[test]
fn pipes_in_the_place_of_files_are_refused_at_once() {
    let make = |path: &Path| {
        let _ = fs::remove_file(path);
        assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
    };
    for name in ["config.json", WEIGHTS] {
        let dir = copy_of("qwen2-tiny");
        make(&dir.path().join(name));
        assert_eq!(load_error(dir.path()), format!("cannot read {}", dir.path().join(name).display()));
    }
}
