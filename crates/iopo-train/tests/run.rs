//! Whole runs: what they learn, log, keep and refuse.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::result_large_err,
    reason = "a test fails by panicking, and its errors are rare"
)]

mod common;

use std::collections::BTreeSet;
use std::f64::consts::LN_2;
use std::fs;
use std::path::Path;

use burn::module::Module;
use burn::tensor::{Device, FloatDType};
use common::{adapted, config, copy_folder, fixture, names_in, tiny, train, trained_adapter};
use iopo_data::{EncodedExample, TextTokenizer};
use iopo_model::{CausalLm, Parameters, Precision, load_adapter, load_model, save_adapter};
use iopo_train::{
    Checkpoint, LogEntry, MicroBatch, Observer, Progress, TrainError, TrainSummary, Trainer,
    latest_checkpoint, load_data, prepare, sequence_log_probs,
};
use serde_json::Value;
use tempfile::tempdir;

/// Four groups in two updates an epoch, six updates.
const SHORT: [&str; 2] = ["max_samples=4", "max_steps=6"];

fn short<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&SHORT[..], more].concat()
}

fn run(out: &Path, more: &[&str]) -> TrainSummary {
    train(config(out, &short(more))).unwrap()
}

fn fail(out: &Path, more: &[&str]) -> TrainError {
    train(config(out, &short(more))).unwrap_err()
}

fn losses(summary: &TrainSummary) -> Vec<f64> {
    summary.log.iter().filter_map(|entry| entry.get("loss")).collect()
}

fn lines(out: &Path) -> Vec<Value> {
    let text = fs::read_to_string(out.join("trainer_log.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn bytes(out: &Path, name: &str) -> Vec<u8> {
    fs::read(out.join(name)).unwrap()
}

// --- what a run leaves

#[test]
fn the_loss_starts_at_ln_2_and_falls_on_repeated_data() {
    let dir = tempdir().unwrap();
    let summary = run(dir.path(), &["max_steps=12"]);
    let losses = losses(&summary);
    assert_eq!((summary.steps, losses.len()), (12, 12));
    assert!((losses[0] - LN_2).abs() < 1e-6, "{}", losses[0]);
    let epochs: Vec<f64> = losses.chunks(2).map(|epoch| epoch.iter().sum::<f64>() / 2.0).collect();
    assert!(epochs.is_sorted_by(|earlier, later| later < earlier), "{epochs:?}");
}

#[test]
fn every_objective_learns() {
    for more in [
        &["stage=sft"][..],
        &["stage=dpo"],
        &["stage=simpo", "pref_beta=2.0"],
        &["stage=orpo"],
        &["iopo_variant=simplified"],
        &["iopo_variant=input-only"],
        &["iopo_variant=output-only"],
        &["finetuning_type=full"],
        &["bf16=true"],
    ] {
        let dir = tempdir().unwrap();
        let losses = losses(&run(dir.path(), &[more, &["per_device_train_batch_size=8"]].concat()));
        assert!(losses.last() < losses.first(), "{more:?}: {losses:?}");
    }
}

#[test]
fn a_log_line_holds_step_epoch_rate_loss_and_rewards() {
    let dir = tempdir().unwrap();
    let summary = run(dir.path(), &["logging_steps=4", "warmup_steps=2"]);
    let lines = lines(dir.path());
    let steps: Vec<_> = lines.iter().map(|line| line["step"].as_u64().unwrap()).collect();
    // Every fourth update, and the last.
    assert_eq!(steps, [4, 6]);
    for (line, entry) in lines.iter().zip(&summary.log) {
        assert_eq!(serde_json::from_value::<LogEntry>(line.clone()).unwrap(), *entry);
        for key in
            ["loss", "grad_norm", "rewards/margins", "rewards/x2_y1", "logps/chosen", "num_input_tokens_seen"]
        {
            assert!(line[key].is_number(), "{key}: {line}");
        }
        assert_eq!(line["total_steps"], 6);
    }
    assert_eq!((lines[0]["epoch"].as_f64(), lines[1]["epoch"].as_f64()), (Some(2.0), Some(3.0)));
    // Linear from 1e-3 at update 2 to 0 after update 5: the rate of update 3, the fourth.
    assert_eq!(lines[0]["learning_rate"], 7.5e-4);
}

#[test]
fn means_in_a_log_line_are_over_the_updates_since_the_last_one() {
    let (one, three) = (tempdir().unwrap(), tempdir().unwrap());
    let each = losses(&run(one.path(), &[]));
    let means = losses(&run(three.path(), &["logging_steps=3"]));
    for (mean, updates) in means.iter().zip(each.chunks(3)) {
        assert!((mean - updates.iter().sum::<f64>() / 3.0).abs() < 1e-12);
    }
}

#[test]
fn a_run_leaves_log_state_adapter_and_checkpoints_and_nothing_else() {
    let dir = tempdir().unwrap();
    run(dir.path(), &["save_steps=2", "save_total_limit=2"]);
    let result = ["adapter_config.json", "adapter_model.safetensors"];
    let all = [
        &[".lock"],
        &result[..],
        &["checkpoint-4", "checkpoint-6", "reference_cache", "trainer_log.jsonl", "trainer_state.json"],
    ]
    .concat();
    assert_eq!(names_in(dir.path()), all);
    let checkpoint = [&result[..], &["optimizer.safetensors", "trainer_state.json"]].concat();
    assert_eq!(names_in(&dir.path().join("checkpoint-4")), checkpoint);
    let state: Value = serde_json::from_slice(&bytes(dir.path(), "trainer_state.json")).unwrap();
    assert_eq!((&state["global_step"], &state["max_steps"]), (&6.into(), &6.into()));
    assert_eq!(state["log_history"].as_array().unwrap(), &lines(dir.path()));
    assert_eq!(Checkpoint::open(&dir.path().join("checkpoint-4")).unwrap().global_step, 4);
    assert_eq!(latest_checkpoint(dir.path()).unwrap(), Some(dir.path().join("checkpoint-6")));
}

#[test]
fn full_tuning_leaves_a_model_that_loads() {
    let dir = tempdir().unwrap();
    run(dir.path(), &["finetuning_type=full", "save_strategy=no", "max_steps=1"]);
    let precision = Precision::default();
    assert!(load_model(dir.path(), precision, &Device::flex()).is_ok());
    assert!(TextTokenizer::from_dir(dir.path()).is_ok());
    assert!(!dir.path().join("adapter_model.safetensors").exists());
}

#[test]
fn checkpoints_come_by_updates_by_epochs_or_not_at_all() {
    let saved = |more: &[&str]| -> Vec<String> {
        let dir = tempdir().unwrap();
        run(dir.path(), &[more, &["max_steps=4"]].concat());
        names_in(dir.path()).into_iter().filter(|name| name.starts_with("checkpoint")).collect()
    };
    assert_eq!(saved(&["save_steps=3"]), ["checkpoint-3"]);
    assert_eq!(saved(&["save_strategy=epoch"]), ["checkpoint-2", "checkpoint-4"]);
    assert_eq!(saved(&["save_strategy=no"]), [""; 0]);
}

#[test]
fn the_final_adapter_is_the_policy() {
    let dir = tempdir().unwrap();
    let mut trainer = Trainer::new(config(dir.path(), &SHORT), &Device::flex()).unwrap();
    trainer.run(&mut ()).unwrap();
    let base = load_model(&tiny(), Precision::default(), &Device::flex()).unwrap();
    let written = load_adapter(base, dir.path()).unwrap();
    for (written, policy) in written.parameters().iter().zip(trainer.policy().parameters()) {
        assert_eq!(written.name, policy.name);
        assert_eq!(written.values.to_data(), policy.values.to_data());
    }
}

#[derive(Default)]
struct Watcher {
    steps: Vec<usize>,
    logged: usize,
    saved: usize,
    resumed: Option<usize>,
}

impl Observer for Watcher {
    fn on_step(&mut self, progress: &Progress<'_>) {
        self.steps.push(progress.step);
    }
    fn on_log(&mut self, _entry: &LogEntry) {
        self.logged += 1;
    }
    fn on_save(&mut self, _dir: &Path) {
        self.saved += 1;
    }
    fn on_resume(&mut self, step: usize, _dir: &Path) {
        self.resumed = Some(step);
    }
}

#[test]
fn an_observer_is_told_of_every_update_line_and_checkpoint() {
    let dir = tempdir().unwrap();
    let mut watcher = Watcher::default();
    let lines = short(&["save_steps=3", "logging_steps=2"]);
    Trainer::new(config(dir.path(), &lines), &Device::flex()).unwrap().run(&mut watcher).unwrap();
    assert_eq!(watcher.steps, [1, 2, 3, 4, 5, 6]);
    assert_eq!((watcher.logged, watcher.saved, watcher.resumed), (3, 2, None));
    let lines = [&lines[..], &["resume_from_checkpoint=true"]].concat();
    Trainer::new(config(dir.path(), &lines), &Device::flex()).unwrap().run(&mut watcher).unwrap();
    assert_eq!(watcher.resumed, Some(6));
}

/// Four examples in one batch, or in batches of three and one: the same update.
#[test]
fn an_update_does_not_depend_on_the_size_of_its_micro_batches() {
    let norms = |lines: [&str; 2]| -> Vec<f64> {
        let dir = tempdir().unwrap();
        let summary = run(dir.path(), &[&lines[..], &["max_steps=2"]].concat());
        summary.log.iter().map(|entry| entry.get("grad_norm").unwrap()).collect()
    };
    let whole = norms(["per_device_train_batch_size=4", "gradient_accumulation_steps=1"]);
    let parts = norms(["per_device_train_batch_size=3", "gradient_accumulation_steps=2"]);
    for (whole, parts) in whole.iter().zip(parts) {
        assert!((whole - parts).abs() < 1e-4 * whole, "{whole} {parts}");
    }
}

/// An SFT adapter is part of the start, and so of the reference, in whatever form it is trained on.
#[test]
fn a_start_from_an_adapter_answers_as_the_adapter_does() {
    let sft = format!("adapter_name_or_path={}", trained_adapter().display());
    let batch = MicroBatch::new(&common::examples(&[], 2).concat()).unwrap();
    let log_probs = |model: &CausalLm| -> Vec<f64> {
        sequence_log_probs(model, &batch).unwrap().sum.try_into_vec_as::<f64>().unwrap()
    };
    let expected = log_probs(&adapted(FloatDType::F32));
    let base = log_probs(&load_model(&tiny(), Precision::default(), &Device::flex()).unwrap());
    for (lines, rank) in [
        (&["seed=1"][..], Some(8)),
        (&["create_new_adapter=true", "lora_rank=2"], Some(2)),
        (&["finetuning_type=full"], None),
    ] {
        let config = config(Path::new("unused"), &short(&[lines, &[&sft]].concat()));
        let prepared = prepare(&config, &Device::flex()).unwrap();
        let trained = prepared.state.policy.trainable_parameters();
        let ranks: BTreeSet<_> =
            trained.iter().filter(|p| p.name.contains("lora_A")).map(|p| p.shape[0]).collect();
        assert_eq!(ranks, rank.into_iter().collect(), "{lines:?}");
        let reference = prepared.reference.unwrap().log_probs(&batch).unwrap();
        let reference = reference.try_into_vec_as::<f64>().unwrap();
        for found in [log_probs(&prepared.state.policy.valid()), reference] {
            for ((found, expected), base) in found.iter().zip(&expected).zip(&base) {
                assert!(
                    (found - expected).abs() < 1e-2 * (base - expected).abs(),
                    "{lines:?}: {found} {expected}"
                );
            }
        }
    }
}

// --- reproducibility

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
    fs::create_dir(resumed.path().join(".checkpoint-5.tmp")).unwrap();
    fs::write(resumed.path().join(".checkpoint-5.tmp/trainer_state.json"), "{").unwrap();
    fs::create_dir(resumed.path().join("checkpoint-9")).unwrap();
    let summary = run(resumed.path(), &[&lines[..], &["resume_from_checkpoint=true"]].concat());
    assert_eq!(summary.steps, 6);
    for name in ["trainer_log.jsonl", "trainer_state.json", weights] {
        assert!(bytes(whole.path(), name) == bytes(resumed.path(), name), "{name}");
    }
    for name in ["optimizer.safetensors", "trainer_state.json", weights] {
        let name = format!("checkpoint-6/{name}");
        assert!(bytes(whole.path(), &name) == bytes(resumed.path(), &name), "{name}");
    }
    assert!(!resumed.path().join(".checkpoint-5.tmp").exists());
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
    let lines = [
        "val_size=1",
        "eval_strategy=epoch",
        "per_device_train_batch_size=1",
        "gradient_accumulation_steps=2",
        "accumulate_across_epochs=true",
    ];
    resumed_equals_uninterrupted(&lines, "adapter_model.safetensors");
}

#[test]
fn a_resumed_run_by_tokens_equals_an_uninterrupted_one() {
    let lines = ["per_device_train_batch_size=3", "tokens_per_batch=600"];
    resumed_equals_uninterrupted(&lines, "adapter_model.safetensors");
}

/// A folder with a checkpoint of a short run.
fn with_checkpoint() -> tempfile::TempDir {
    let dir = tempdir().unwrap();
    run(dir.path(), &["save_steps=3"]);
    dir
}

#[test]
fn a_run_with_other_settings_is_not_resumed_and_leaves_everything_as_it_was() {
    let dir = with_checkpoint();
    let log = bytes(dir.path(), "trainer_log.jsonl");
    for (line, named) in [
        ("learning_rate=2e-3", "learning_rate: 0.001 there, 0.002 here"),
        ("pref_beta=0.2", "stage and loss"),
        ("iopo_variant=simplified", "stage and loss"),
        ("seed=7", "seed"),
        ("max_steps=8", "updates in all"),
        ("max_samples=5", "examples"),
        ("dataset=eval_groups.jsonl", "examples"),
        ("gradient_accumulation_steps=2", "gradient_accumulation_steps"),
        ("warmup_steps=2", "warm-up updates"),
        ("weight_decay=0.1", "optimizer"),
        ("finetuning_type=full", "finetuning_type"),
        ("bf16=true", "precision"),
    ] {
        let error = fail(dir.path(), &["resume_from_checkpoint=true", line]);
        assert!(matches!(error, TrainError::Checkpoint { .. }), "{line}: {error}");
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
    assert!(matches!(error, TrainError::Checkpoint { .. }), "{error}");
    let error = fail(&out, &["resume_from_checkpoint=nowhere/checkpoint-1"]);
    assert!(matches!(error, TrainError::Checkpoint { .. }), "{error}");
    assert!(!out.exists());
}

#[test]
fn a_broken_checkpoint_is_an_error() {
    let break_with = |file: &str, bytes: &[u8]| {
        let dir = with_checkpoint();
        fs::write(dir.path().join("checkpoint-6").join(file), bytes).unwrap();
        fail(dir.path(), &["resume_from_checkpoint=true"])
    };
    for (file, bytes) in [
        ("trainer_state.json", &b"{\"global_step\": 3"[..]),
        ("trainer_state.json", b"[]"),
        ("optimizer.safetensors", b"cut off"),
        ("adapter_model.safetensors", b""),
        ("adapter_config.json", b"{}"),
    ] {
        let error = break_with(file, bytes);
        assert!(matches!(error, TrainError::Checkpoint { .. } | TrainError::Weights(_)), "{file}: {error}");
    }
}

/// The state of the checkpoint after six updates, with another value.
fn resumed_with(key: &str, value: usize) -> TrainError {
    let dir = with_checkpoint();
    let path = dir.path().join("checkpoint-6/trainer_state.json");
    let mut state: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    state[key] = value.into();
    fs::write(&path, state.to_string()).unwrap();
    fail(dir.path(), &["resume_from_checkpoint=true"])
}

#[test]
fn a_checkpoint_beyond_the_last_update_is_not_resumed() {
    let error = resumed_with("global_step", 9);
    assert!(matches!(error, TrainError::Checkpoint { .. }), "{error}");
    assert!(error.to_string().contains("global_step 9 is beyond the 6 updates"), "{error}");
}

#[test]
fn a_checkpoint_off_the_plan_of_updates_is_not_resumed() {
    for (key, value, named) in [
        ("examples_seen", 11, "examples_seen is 11, but after global_step 6 it is 12"),
        ("global_step", 5, "examples_seen is 12, but after global_step 5 it is 10"),
        ("global_step", 0, "examples_seen is 12, but after global_step 0 it is 0"),
    ] {
        let error = resumed_with(key, value);
        assert!(matches!(error, TrainError::Checkpoint { .. }), "{error}");
        assert!(error.to_string().contains(named), "{error}");
    }
}

#[test]
fn moments_of_another_model_are_not_resumed_with() {
    let dir = with_checkpoint();
    let path = dir.path().join("checkpoint-6/optimizer.safetensors");
    // A safetensors file, but not of moments.
    fs::copy(dir.path().join("adapter_model.safetensors"), path).unwrap();
    let error = fail(dir.path(), &["resume_from_checkpoint=true"]);
    assert!(error.to_string().contains("optimizer.safetensors lacks"), "{error}");
}

// --- the output folder

#[test]
fn results_are_not_replaced_unless_asked_to() {
    let dir = with_checkpoint();
    let before = bytes(dir.path(), "trainer_log.jsonl");
    let error = fail(dir.path(), &["seed=3"]);
    assert!(matches!(error, TrainError::OutputExists { .. }), "{error}");
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
    for line in ["seed=3", "overwrite_output_dir=true", "resume_from_checkpoint=true"] {
        let error = Trainer::new(config(dir.path(), &short(&[line])), &Device::flex()).unwrap_err();
        assert!(
            matches!(&error, TrainError::OutputInUse { dir: held } if held == dir.path()),
            "{line}: {error}"
        );
    }
    let error = second.run(&mut ()).unwrap_err();
    assert!(matches!(error, TrainError::OutputInUse { .. }), "{error}");
    assert_eq!(names_in(dir.path()), before);
    drop(first);
    second.run(&mut ()).unwrap();
    // Its own lock does not shut a trainer out.
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
        assert!(matches!(error, TrainError::OutputExists { .. }), "{name}: {error}");
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
    assert!(matches!(error, TrainError::OutputExists { .. }), "{error}");
    assert!(answers.join("step-3.jsonl").exists());
    run(dir.path(), &["max_steps=1", "overwrite_output_dir=true"]);
    assert!(!answers.exists());
}

/// Overwriting or resuming into a folder is refused for the file, and leaves the folder as it was.
fn refused_for(dir: &Path, more: &[&str], file: &str) {
    let before = names_in(dir);
    let error = fail(dir, more);
    assert!(matches!(&error, TrainError::OutputIsForeign { file: named, .. } if named == file), "{error}");
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
    assert!(matches!(error, TrainError::OutputIsInput { .. }), "{error}");
    assert!(bytes(&model, "model.safetensors") == before);
}

// --- data

#[test]
fn max_samples_takes_the_first_rows_before_anything_else() {
    let load = |more: &[&str]| {
        let config = config(Path::new("unused"), more);
        load_data(&config, TextTokenizer::from_dir(tiny()).unwrap()).unwrap()
    };
    let all = load(&[]).train;
    assert_eq!(load(&["max_samples=3"]).train, all[..3]);
    // Rows are counted before a group becomes two pairs, in each file, and before the split.
    assert_eq!(load(&["stage=dpo", "max_samples=3"]).train.len(), 6);
    assert_eq!(load(&["dataset=[groups.jsonl, eval_groups.jsonl]", "max_samples=3"]).train.len(), 6);
    let split = load(&["max_samples=4", "val_size=0.5"]);
    let mut both = [split.train, split.held_out].concat();
    both.sort_by_key(|example| all.iter().position(|other| other == example));
    assert_eq!(both, all[..4]);
    assert_eq!(load(&["max_samples=99"]).train.len(), 24);
}

#[test]
fn both_pairs_of_a_group_are_held_out_together() {
    let config = config(Path::new("unused"), &["stage=dpo", "val_size=5"]);
    let data = load_data(&config, TextTokenizer::from_dir(tiny()).unwrap()).unwrap();
    assert_eq!((data.train.len(), data.held_out.len()), (38, 10));
    let responses = |examples: &[EncodedExample]| -> BTreeSet<BTreeSet<Vec<u32>>> {
        let of = |example: &EncodedExample| example.sequences().into_iter().map(|s| s.completion).collect();
        examples.iter().map(of).collect()
    };
    assert!(responses(&data.train).is_disjoint(&responses(&data.held_out)));
    assert_eq!((data.report.kept, data.held_out_report.unwrap().kept), (38, 10));
}

#[test]
fn val_size_is_a_share_rounded_up_or_a_number_of_rows() {
    let held_out = |size: &str| {
        let config = config(Path::new("unused"), &[size]);
        load_data(&config, TextTokenizer::from_dir(tiny()).unwrap()).unwrap().held_out.len()
    };
    assert_eq!(["val_size=0", "val_size=0.1", "val_size=1", "val_size=7"].map(held_out), [0, 3, 1, 7]);
}

#[test]
fn holding_every_row_out_is_refused() {
    let dir = tempdir().unwrap();
    let error = fail(dir.path(), &["val_size=4"]);
    assert!(matches!(error, TrainError::NoExamples { .. }), "{error}");
    assert_eq!(error.to_string(), "no example is left to train on: val_size 4 holds all 4 rows out");
}

#[test]
fn a_row_that_is_too_little_for_the_stage_is_named() {
    let dir = tempdir().unwrap();
    let data = format!("dataset_dir={}", fixture("golden/data").display());
    let error = fail(dir.path(), &[&data, "dataset=dpo_tiny"]);
    assert!(matches!(error, TrainError::Task(_)), "{error}");
    assert!(error.to_string().contains("dpo_tiny.json"), "{error}");
}

#[test]
fn the_forks_own_files_train() {
    let dir = tempdir().unwrap();
    let data = format!("dataset_dir={}", fixture("golden/data").display());
    let lines = [&data, "dataset=iopo_tiny", "max_samples=1", "max_steps=1", "warmup_ratio=0.1"];
    let summary = run(dir.path(), &lines);
    assert!((losses(&summary)[0] - LN_2).abs() < 1e-6);
}

// --- evaluation

fn evaluated(out: &Path) -> Vec<u64> {
    lines(out)
        .iter()
        .filter(|line| line["eval_loss"].is_number())
        .map(|line| line["step"].as_u64().unwrap())
        .collect()
}

#[test]
fn held_out_rows_are_evaluated_by_updates_by_epochs_and_at_the_end() {
    for (lines, steps) in [
        (&["val_size=1", "eval_strategy=steps", "eval_steps=4"][..], &[4, 6][..]),
        // Three groups in batches of two: an epoch is two updates.
        (&["val_size=1", "eval_strategy=epoch", "max_steps=5"], &[2, 4, 5]),
        (&["eval_dataset=eval_groups.jsonl", "eval_strategy=steps", "eval_steps=99"], &[6]),
        (&["val_size=1"], &[]),
    ] {
        let dir = tempdir().unwrap();
        let summary = run(dir.path(), lines);
        assert_eq!(evaluated(dir.path()), steps, "{lines:?}");
        assert_eq!(summary.evaluation.is_some(), !steps.is_empty());
    }
}

/// Three examples an epoch, two of them in an update: epochs end within updates 2, 3, 5 and 6.
#[test]
fn epochs_that_end_within_an_update_are_noticed() {
    let dir = tempdir().unwrap();
    let lines = [
        "val_size=1",
        "eval_strategy=epoch",
        "per_device_train_batch_size=1",
        "gradient_accumulation_steps=2",
        "accumulate_across_epochs=true",
    ];
    run(dir.path(), &lines);
    assert_eq!(evaluated(dir.path()), [2, 3, 5, 6]);
}

#[test]
fn an_evaluation_does_not_depend_on_its_batches() {
    let dir = tempdir().unwrap();
    let evaluate = |size: &str| {
        let sft = format!("adapter_name_or_path={}", trained_adapter().display());
        let config = config(dir.path(), &short(&[size, "stage=sft", &sft]));
        let trainer = Trainer::new(config, &Device::flex()).unwrap();
        trainer.evaluate(&trainer.data().train).unwrap().get("loss").unwrap()
    };
    let [one, three, all] =
        ["per_device_eval_batch_size=1", "per_device_eval_batch_size=3", "per_device_eval_batch_size=9"]
            .map(evaluate);
    assert!((one - all).abs() < 1e-6 * all && (three - all).abs() < 1e-6 * all, "{one} {three} {all}");
}

// --- bad days

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
        assert_eq!(names_in(dir.path()), [".lock", "reference_cache", "trainer_log.jsonl"]);
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
    assert!(matches!(error, TrainError::Tokenizer(_)), "{error}");
}

#[test]
fn a_trainer_without_examples_says_so() {
    let dir = tempdir().unwrap();
    let config = config(dir.path(), &SHORT);
    let mut prepared = prepare(&config, &Device::flex()).unwrap();
    prepared.data.train.clear();
    let error = Trainer::from_prepared(config, prepared).run(&mut ()).unwrap_err();
    assert!(matches!(error, TrainError::NoExamples { .. }), "{error}");
}
