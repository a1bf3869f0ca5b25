//! What a run leaves.

use std::collections::BTreeSet;
use std::f64::consts::LN_2;
use std::path::Path;

use burn::module::Module;
use burn::tensor::{Device, FloatDType};
use iopo_data::TextTokenizer;
use iopo_model::{CausalLm, Parameters, Precision, load_adapter, load_model};
use iopo_train::{
    Checkpoint, LogEntry, MicroBatch, Observer, Progress, Trainer, latest_checkpoint, prepare,
    sequence_log_probs,
};
use serde_json::Value;
use tempfile::tempdir;

use super::{SHORT, bytes, lines, losses, run, short};
use crate::common;
use crate::common::{adapted, config, names_in, tiny, trained_adapter};

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
        &[".iopo-written.jsonl", ".lock"],
        &result[..],
        &["checkpoint-4", "checkpoint-6", "reference_cache", "trainer_log.jsonl", "trainer_state.json"],
    ]
    .concat();
    assert_eq!(names_in(dir.path()), all);
    let checkpoint =
        [&[".iopo-written.jsonl"], &result[..], &["optimizer.safetensors", "trainer_state.json"]].concat();
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
fn an_observer_gets_every_update_line_and_checkpoint() {
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
