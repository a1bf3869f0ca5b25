//! The output folder.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use burn::tensor::Device;
use iopo_train::Trainer;
use tempfile::tempdir;

use super::{SHORT, bytes, fail, run, short, with_checkpoint};
use crate::common::{config, copy_folder, fixture, names_in, tiny};

#[test]
fn results_are_not_replaced_unless_asked_to() {
    let dir = with_checkpoint();
    let before = bytes(dir.path(), "trainer_log.jsonl");
    let error = fail(dir.path(), &["seed=3"]);
    assert!(error.to_string().contains("holds results already"), "{error}");
    assert!(bytes(dir.path(), "trainer_log.jsonl") == before);
}

#[test]
fn replaced_results_leave_none_of_the_old_ones() {
    let dir = with_checkpoint();
    fs::write(dir.path().join("notes.txt"), "mine").unwrap();
    let lines = ["overwrite_output_dir=true", "finetuning_type=full", "save_steps=2", "max_steps=2"];
    run(dir.path(), &lines);
    let names: BTreeSet<_> = names_in(dir.path()).into_iter().collect();
    // Checkpoints of three and six updates, and the adapter, would belong to another run.
    for gone in ["checkpoint-3", "checkpoint-6", "adapter_model.safetensors", "adapter_config.json"] {
        assert!(!names.contains(gone), "{gone}");
    }
    assert!(names.contains("checkpoint-2") && names.contains("notes.txt"));
}

#[test]
fn two_runs_do_not_share_an_output_folder() {
    let dir = tempdir().unwrap();
    let mut first = Trainer::new(config(dir.path(), &SHORT), &Device::flex()).unwrap();
    // Made while the folder was free, and so stopped only where it would begin to write.
    let lines = short(&["overwrite_output_dir=true", "stage=sft"]);
    let mut second = Trainer::new(config(dir.path(), &lines), &Device::flex()).unwrap();
    first.run(&mut ()).unwrap();
    let before = names_in(dir.path());
    let in_use = format!(
        "{}: another run is writing to it; wait for it to end, or choose another output_dir",
        dir.path().display()
    );
    for line in ["seed=3", "overwrite_output_dir=true", "resume_from_checkpoint=true"] {
        let error = Trainer::new(config(dir.path(), &short(&[line])), &Device::flex()).unwrap_err();
        assert_eq!(error.to_string(), in_use, "{line}");
    }
    let error = second.run(&mut ()).unwrap_err();
    assert_eq!(error.to_string(), in_use);
    assert_eq!(names_in(dir.path()), before);
    drop(first);
    second.run(&mut ()).unwrap();
    // A trainer's own lock does not shut it out.
    second.run(&mut ()).unwrap();
}

#[test]
fn the_lock_file_of_a_killed_run_neither_blocks_nor_occupies() {
    let dir = tempdir().unwrap();
    fs::write(dir.path().join(".lock"), "").unwrap();
    run(dir.path(), &["max_steps=1"]);
}

#[test]
fn a_folder_that_holds_a_model_or_adapter_is_occupied() {
    for name in [
        "config.json",
        "model.safetensors.index.json",
        "model-00001-of-00002.safetensors",
        "pytorch_model.bin",
        "adapter_config.json",
        "adapter_model.safetensors",
    ] {
        let dir = tempdir().unwrap();
        fs::write(dir.path().join(name), "{}").unwrap();
        let error = fail(dir.path(), &[]);
        assert!(error.to_string().contains("holds results already"), "{name}: {error}");
        assert_eq!(names_in(dir.path()), [name]);
    }
}

#[test]
fn answers_of_an_earlier_run_are_not_removed_unasked() {
    let dir = tempdir().unwrap();
    let answers = dir.path().join("eval_answers");
    fs::create_dir(&answers).unwrap();
    fs::write(answers.join("step-3.jsonl"), "{}").unwrap();
    let error = fail(dir.path(), &[]);
    assert!(error.to_string().contains("holds results already"), "{error}");
    assert!(answers.join("step-3.jsonl").exists());
    run(dir.path(), &["max_steps=1", "overwrite_output_dir=true"]);
    assert!(!answers.exists());
}

/// Overwriting or resuming into a folder is refused for the file, and leaves the folder as it was.
fn refused_for(dir: &Path, more: &[&str], file: &str) {
    let before = names_in(dir);
    let error = fail(dir, more);
    assert!(error.to_string().contains(&format!("it holds {file}, but no trainer_state.json")), "{error}");
    assert_eq!(names_in(dir), before);
}

#[test]
fn weights_that_no_run_left_are_never_replaced() {
    let overwrite = ["overwrite_output_dir=true"];
    let model = tempdir().unwrap();
    copy_folder(&fixture("models/qwen2-tiny-tied"), model.path());
    refused_for(model.path(), &overwrite, "model.safetensors");
    // transformers leaves a state of the same name.
    fs::write(model.path().join("trainer_state.json"), r#"{"global_step": 3, "max_steps": 3}"#).unwrap();
    refused_for(model.path(), &overwrite, "model.safetensors");
    let ours = with_checkpoint();
    let checkpoint = format!("resume_from_checkpoint={}", ours.path().join("checkpoint-3").display());
    refused_for(model.path(), &[&checkpoint], "model.safetensors");
    let theirs = model.path().join("checkpoint-500");
    fs::create_dir(&theirs).unwrap();
    fs::write(theirs.join("trainer_state.json"), "{}").unwrap();
    refused_for(model.path(), &overwrite, "checkpoint-500");
    // Shards are nobody's result here, not even beside our own state.
    fs::write(ours.path().join("model-00001-of-00002.safetensors"), "").unwrap();
    refused_for(ours.path(), &overwrite, "model-00001-of-00002.safetensors");
}

#[test]
fn results_of_a_run_killed_while_it_moved_them_into_place_may_be_replaced() {
    let dir = with_checkpoint();
    let state = dir.path().join("trainer_state.json");
    fs::create_dir(dir.path().join(".final.tmp")).unwrap();
    fs::rename(&state, dir.path().join(".final.tmp/trainer_state.json")).unwrap();
    run(dir.path(), &["overwrite_output_dir=true", "save_steps=3"]);
    assert!(state.exists() && !dir.path().join(".final.tmp").exists());
    // Without a trace of its state, a resumed run still finds its own checkpoints.
    fs::remove_file(&state).unwrap();
    run(dir.path(), &["resume_from_checkpoint=true"]);
}

#[test]
fn a_run_that_cannot_start_does_not_touch_old_results() {
    let dir = with_checkpoint();
    let before = names_in(dir.path());
    for line in ["dataset=nowhere.jsonl", "model_name_or_path=nowhere", "template=llama3", "cutoff_len=2"] {
        let error = fail(dir.path(), &["overwrite_output_dir=true", line]);
        assert!(!error.to_string().is_empty());
        assert_eq!(names_in(dir.path()), before, "{line}");
    }
}

#[test]
fn the_model_itself_is_never_the_output() {
    let dir = tempdir().unwrap();
    let model = dir.path().join("model");
    copy_folder(&tiny(), &model);
    let before = bytes(&model, "model.safetensors");
    let line = format!("model_name_or_path={}", dir.path().join("model/../model").display());
    let error = fail(&model, &["finetuning_type=full", "overwrite_output_dir=true", &line]);
    assert!(error.to_string().contains("choose another output_dir"), "{error}");
    assert!(bytes(&model, "model.safetensors") == before);
}
