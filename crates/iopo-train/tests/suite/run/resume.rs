//! Reproducibility.

use std::fs;
use std::path::Path;

use burn::tensor::Device;
use iopo_files::MANIFEST;
use iopo_train::{Notice, Observer, TrainError, Trainer};
use serde_json::Value;
use tempfile::tempdir;

use super::{LEFT_OVER, bytes, fail, run, short, with_checkpoint};
use crate::common::{config, copy_folder, fixture, trained_adapter};

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_one_others() {
    let outs = [(); 3].map(|()| tempdir().unwrap());
    for (out, seed) in outs.iter().zip(["seed=1", "seed=1", "seed=2"]) {
        run(out.path(), &[seed, "max_steps=2"]);
    }
    let [a, b, c] = outs.each_ref().map(|out| bytes(out.path(), "adapter_model.safetensors"));
    assert!(a == b);
    assert!(a != c);
    let [a, b] = [0, 1].map(|i| bytes(outs[i].path(), "trainer_log.jsonl"));
    assert!(a == b);
}

/// Six updates at once, against four of them, a new process's state, and the other two.
fn resumed_equals_uninterrupted(more: &[&str], weights: &str) {
    // A line every five updates, so that the checkpoint falls between two lines.
    let lines = [&["save_steps=2", "logging_steps=5", "warmup_ratio=0.2", "weight_decay=0.1"], more].concat();
    let (whole, resumed) = (tempdir().unwrap(), tempdir().unwrap());
    run(whole.path(), &lines);
    copy_folder(&whole.path().join("checkpoint-4"), &resumed.path().join("checkpoint-4"));
    // What a killed run may leave: neither of these is a checkpoint.
    let left = resumed.path().join(".checkpoint-5.part-Ab3dEf.tmp");
    fs::create_dir(&left).unwrap();
    fs::write(left.join("trainer_state.json"), "{").unwrap();
    fs::write(resumed.path().join(".trainer_log.jsonl.part-Ab3dEf.tmp"), "{").unwrap();
    fs::create_dir(resumed.path().join("checkpoint-9")).unwrap();
    let summary = run(resumed.path(), &[&lines[..], &["resume_from_checkpoint=true"]].concat());
    assert_eq!(summary.steps, 6);
    for name in ["trainer_log.jsonl", "trainer_state.json", MANIFEST, weights] {
        assert!(bytes(whole.path(), name) == bytes(resumed.path(), name), "{name}");
    }
    for name in ["optimizer.safetensors", "trainer_state.json", MANIFEST, weights] {
        let name = format!("checkpoint-6/{name}");
        assert!(bytes(whole.path(), &name) == bytes(resumed.path(), &name), "{name}");
    }
    assert!(!left.exists());
    assert!(!resumed.path().join(".trainer_log.jsonl.part-Ab3dEf.tmp").exists());
}

#[test]
fn a_resumed_lora_run_equals_an_uninterrupted_one() {
    resumed_equals_uninterrupted(&[], "adapter_model.safetensors");
}

#[test]
fn a_resumed_full_run_equals_an_uninterrupted_one() {
    resumed_equals_uninterrupted(&["finetuning_type=full"], "model.safetensors");
}

#[test]
fn a_resumed_bf16_run_equals_an_uninterrupted_one() {
    resumed_equals_uninterrupted(&["bf16=true"], "adapter_model.safetensors");
}

#[test]
fn a_resumed_run_from_an_sft_adapter_equals_an_uninterrupted_one() {
    let adapter = format!("adapter_name_or_path={}", trained_adapter().display());
    resumed_equals_uninterrupted(&[&adapter], "adapter_model.safetensors");
}

#[test]
fn a_resumed_run_with_evaluation_and_left_over_batches_equals_an_uninterrupted_one() {
    resumed_equals_uninterrupted(&LEFT_OVER, "adapter_model.safetensors");
}

#[test]
fn a_resumed_run_by_tokens_equals_an_uninterrupted_one() {
    let lines = ["per_device_train_batch_size=3", "tokens_per_batch=600"];
    resumed_equals_uninterrupted(&lines, "adapter_model.safetensors");
}

/// The tiny model with a template that prints the time.
fn model_with_a_clock() -> tempfile::TempDir {
    let dir = tempdir().unwrap();
    copy_folder(&fixture("models/qwen2-tiny"), dir.path());
    let template = "{{ strftime_now('%Y-%m-%d %H:%M:%S') }}{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}\
                    <|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";
    fs::write(dir.path().join("chat_template.jinja"), template).unwrap();
    dir
}

#[test]
fn a_run_whose_template_prints_the_time_is_resumed_as_of_its_start() {
    let model = model_with_a_clock();
    let model = format!("model_name_or_path={}", model.path().display());
    let lines = ["template=chat", &model, "max_steps=4", "save_steps=2"];
    let dir = tempdir().unwrap();
    // Another day than today.
    run(dir.path(), &[&lines[..], &["template_date=2024-07-26"]].concat());
    let whole = bytes(dir.path(), "adapter_model.safetensors");
    let checkpoint = format!("resume_from_checkpoint={}", dir.path().join("checkpoint-2").display());
    let error = fail(dir.path(), &[&lines[..], &[&checkpoint, "template_date=2024-07-27"]].concat());
    let expected = "template_date: 2024-07-26T00:00:00Z there, 2024-07-27T00:00:00Z here";
    assert!(error.to_string().contains(expected), "{error}");
    run(dir.path(), &[&lines[..], &[&checkpoint]].concat());
    assert!(bytes(dir.path(), "adapter_model.safetensors") == whole);
}

#[test]
fn a_run_with_other_settings_is_not_resumed_and_leaves_everything_as_it_was() {
    let dir = with_checkpoint();
    let log = bytes(dir.path(), "trainer_log.jsonl");
    for (line, named) in [
        ("learning_rate=2e-3", "learning_rate: 0.001 there, 0.002 here"),
        ("pref_beta=0.2", "pref_beta: 0.1 there, 0.2 here"),
        ("iopo_variant=simplified", "iopo_variant: full there, simplified here"),
        ("seed=7", "seed"),
        ("max_steps=8", "updates in all"),
        ("max_samples=5", "examples"),
        ("dataset=eval_groups.jsonl", "examples"),
        ("gradient_accumulation_steps=2", "gradient_accumulation_steps"),
        ("warmup_steps=2", "warm-up updates"),
        ("weight_decay=0.1", "weight_decay"),
        ("finetuning_type=full", "finetuning_type"),
        ("bf16=true", "precision"),
    ] {
        let error = fail(dir.path(), &["resume_from_checkpoint=true", line]);
        assert!(error.to_string().contains(named), "{line}: {error}");
    }
    assert!(bytes(dir.path(), "trainer_log.jsonl") == log);
}

#[test]
fn another_starting_model_is_not_resumed_with() {
    let dir = with_checkpoint();
    let tied = format!("model_name_or_path={}", fixture("models/qwen2-tiny-tied").display());
    let sft = format!("adapter_name_or_path={}", trained_adapter().display());
    for line in [tied, sft] {
        let error = fail(dir.path(), &["resume_from_checkpoint=true", &line]);
        assert!(error.to_string().contains("another model or adapter"), "{error}");
    }
}

#[test]
fn what_decides_no_update_may_change_on_the_way() {
    let dir = with_checkpoint();
    let more = [
        "resume_from_checkpoint=true",
        "logging_steps=2",
        "save_strategy=no",
        "per_device_eval_batch_size=1",
        "tokens_per_batch=600",
    ];
    assert_eq!(run(dir.path(), &more).steps, 6);
}

#[test]
fn resuming_where_there_is_nothing_is_an_error_that_creates_nothing() {
    let dir = tempdir().unwrap();
    let out = dir.path().join("out");
    let error = fail(&out, &["resume_from_checkpoint=true"]);
    assert!(error.to_string().contains("there is no checkpoint to resume from"), "{error}");
    let error = fail(&out, &["resume_from_checkpoint=nowhere/checkpoint-1"]);
    assert!(error.to_string().starts_with("nowhere/checkpoint-1: not a checkpoint"), "{error}");
    assert!(!out.exists());
}

/// Resumes from the checkpoint after six updates with another file in it, and puts the file back.
fn fail_with(dir: &Path, file: &str, bytes: &[u8]) -> TrainError {
    let path = dir.join("checkpoint-6").join(file);
    let before = fs::read(&path).unwrap();
    fs::write(&path, bytes).unwrap();
    let error = fail(dir, &["resume_from_checkpoint=true"]);
    fs::write(&path, before).unwrap();
    error
}

#[test]
fn a_broken_checkpoint_is_an_error() {
    let dir = with_checkpoint();
    for (file, bytes) in [
        ("trainer_state.json", &b"{\"global_step\": 3"[..]),
        ("trainer_state.json", b"[]"),
        ("optimizer.safetensors", b"cut off"),
        ("adapter_model.safetensors", b""),
        ("adapter_config.json", b"{}"),
    ] {
        let error = fail_with(dir.path(), file, bytes);
        assert!(error.to_string().contains("checkpoint-6"), "{file}: {error}");
    }
    run(dir.path(), &["resume_from_checkpoint=true"]);
}

#[test]
fn a_checkpoint_off_the_plan_of_updates_is_not_resumed() {
    let dir = with_checkpoint();
    for (key, value, named) in [
        ("global_step", 9, "global_step 9 is beyond the 6 updates"),
        ("examples_seen", 11, "examples_seen is 11, but after global_step 6 it is 12"),
        ("global_step", 5, "examples_seen is 12, but after global_step 5 it is 10"),
        ("global_step", 0, "examples_seen is 12, but after global_step 0 it is 0"),
    ] {
        let state = bytes(dir.path(), "checkpoint-6/trainer_state.json");
        let mut state: Value = serde_json::from_slice(&state).unwrap();
        state[key] = value.into();
        let error = fail_with(dir.path(), "trainer_state.json", state.to_string().as_bytes());
        assert!(error.to_string().contains(named), "{error}");
    }
}

#[test]
fn moments_of_another_model_are_not_resumed_with() {
    let dir = with_checkpoint();
    let path = dir.path().join("checkpoint-6/optimizer.safetensors");
    fs::remove_file(dir.path().join("checkpoint-6").join(MANIFEST)).unwrap();
    // A safetensors file, but not of moments.
    fs::copy(dir.path().join("adapter_model.safetensors"), path).unwrap();
    let error = fail(dir.path(), &["resume_from_checkpoint=true"]);
    assert!(error.to_string().contains("optimizer.safetensors lacks"), "{error}");
}

#[test]
fn a_flipped_bit_in_a_checkpoint_is_an_error_that_names_the_file() {
    let dir = with_checkpoint();
    for file in ["adapter_model.safetensors", "optimizer.safetensors", "adapter_config.json"] {
        let mut bytes = bytes(dir.path(), &format!("checkpoint-6/{file}"));
        let last = bytes.len() - 5;
        bytes[last] ^= 1;
        let error = fail_with(dir.path(), file, &bytes);
        assert!(error.to_string().contains(&format!("checkpoint-6/{file}")), "{error}");
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(source.contains("damaged or edited"), "{source}");
    }
    run(dir.path(), &["resume_from_checkpoint=true"]);
}

#[test]
fn a_checkpoint_without_a_record_of_its_files_is_resumed_with_a_notice() {
    #[derive(Default)]
    struct Notices(Vec<Notice>);
    impl Observer for Notices {
        fn on_notice(&mut self, notice: &Notice) {
            self.0.push(notice.clone());
        }
    }
    let dir = with_checkpoint();
    fs::remove_file(dir.path().join("checkpoint-6").join(MANIFEST)).unwrap();
    let mut notices = Notices::default();
    let lines = short(&["resume_from_checkpoint=true"]);
    Trainer::new(config(dir.path(), &lines), &Device::flex()).unwrap().run(&mut notices).unwrap();
    let notice = notices.0.iter().find(|notice| notice.key == "resume_from_checkpoint").unwrap();
    assert!(notice.text.contains("damage to its files would not be noticed"), "{}", notice.text);
}
