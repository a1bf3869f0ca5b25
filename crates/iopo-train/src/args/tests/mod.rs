//! Claims about reading configurations.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use burn::tensor::FloatDType;
use iopo_data::Template;
use iopo_loss::{IopoLossConfig, IopoVariant};
use iopo_model::LoraTargets;
use serde_json::json;

use super::foreign::{IGNORED, UNSUPPORTED};
use super::tables::{Table, tables};
use super::{ArgsError, Problem, TrainArgs};
use crate::{FineTuning, IntervalStrategy, LrScheduleKind, Objective, ReferenceConfig, TrainConfig};

mod choices;
mod input;
mod keys;
mod problems;

/// The configuration that the paper's trainer comes with.
const PAPER: &str = "
### model
model_name_or_path: /path/to/sft_model

### method
stage: iopo
do_train: true
finetuning_type: lora
lora_target: all
pref_beta: 0.1
pref_loss: sigmoid  # [sigmoid (dpo), orpo, simpo]
simpo_gamma: 1.0
deepspeed: examples/deepspeed/ds_z3_offload_config.json

### dataset
dataset: trace_iopo
template: qwen
cutoff_len: 6000
max_samples: 120000
overwrite_cache: true
preprocessing_num_workers: 16

### output
output_dir: saves/qwen2-7b/lora/iopo
logging_steps: 100
save_steps: 500
plot_loss: true
overwrite_output_dir: true

### train
per_device_train_batch_size: 1
gradient_accumulation_steps: 8
learning_rate: 5.0e-6
num_train_epochs: 3.0
lr_scheduler_type: cosine
warmup_ratio: 0.1
bf16: true
ddp_timeout: 180000000

### eval
val_size: 0.1
per_device_eval_batch_size: 1
eval_strategy: steps
eval_steps: 500
report_to: none
";

/// What every configuration needs, and nothing else.
const MINIMAL: &str = "
model_name_or_path: model
dataset: rows.jsonl
output_dir: out
";

fn read(text: &str, overrides: &[&str]) -> Result<TrainArgs, ArgsError> {
    let overrides: Vec<String> = overrides.iter().map(|&text| text.to_owned()).collect();
    TrainArgs::from_yaml(text, Path::new("run.yaml"), &overrides)
}

/// The minimal configuration with more lines.
fn config(overrides: &[&str]) -> TrainConfig {
    read(MINIMAL, overrides).unwrap().validate().unwrap()
}

fn problems(result: Result<TrainArgs, ArgsError>) -> Vec<Problem> {
    match result.and_then(TrainArgs::validate) {
        Err(ArgsError::Invalid { problems, .. }) => problems,
        other => panic!("expected problems, got {other:?}"),
    }
}

fn problems_of(overrides: &[&str]) -> Vec<Problem> {
    problems(read(MINIMAL, overrides))
}

/// The messages, as a user reads them.
fn messages_of(overrides: &[&str]) -> Vec<String> {
    problems_of(overrides).iter().map(ToString::to_string).collect()
}

fn notice_keys(config: &TrainConfig) -> Vec<&str> {
    config.notices.iter().map(|notice| notice.key.as_str()).collect()
}

fn notices_of(overrides: &[&str]) -> Vec<String> {
    config(overrides).notices.into_iter().map(|notice| notice.key).collect()
}

#[test]
fn the_papers_configuration_runs_as_it_is() {
    let config = read(PAPER, &[]).unwrap().validate().unwrap();
    let loss = config.objective.identity();
    assert_eq!(
        (&loss["stage"], &loss["pref_beta"], &loss["iopo_variant"]),
        (&json!("iopo"), &json!(0.1), &json!("full"))
    );
    let FineTuning::Lora(lora) = &config.fine_tuning else { panic!("{:?}", config.fine_tuning) };
    assert_eq!((lora.rank, lora.alpha, &lora.targets), (8, 16.0, &LoraTargets::All));
    assert_eq!((config.precision.weights, config.precision.adapter), (FloatDType::BF16, FloatDType::F32));
    assert_eq!(
        (config.data.template, config.data.cutoff_len, config.data.max_samples),
        (Template::Qwen, 6_000, Some(120_000))
    );
    assert_eq!((config.batch_size, config.accumulation, config.eval_batch_size), (1, 8, 1));
    assert_eq!((config.learning_rate, config.epochs, config.schedule), (5e-6, 3.0, LrScheduleKind::Cosine));
    assert_eq!(config.warmup_steps(101), 11);
    assert_eq!((config.data.val_size, config.eval), (0.1, IntervalStrategy::Steps(500)));
    assert_eq!(config.save.strategy, IntervalStrategy::Steps(500));
    assert_eq!(config.logging_steps, 100);
}

#[test]
fn the_papers_configuration_gets_one_line_for_each_key_without_meaning() {
    let config = read(PAPER, &[]).unwrap().validate().unwrap();
    assert_eq!(
        notice_keys(&config),
        ["ddp_timeout", "deepspeed", "overwrite_cache", "preprocessing_num_workers", "simpo_gamma"]
    );
    assert!(config.notices.iter().all(|notice| !notice.text.contains('\n')));
}

/// The example that LLaMA-Factory ships for DPO with LoRA.
#[test]
fn llama_factorys_dpo_example_runs_as_it_is() {
    let text = "
model_name_or_path: meta-llama/Meta-Llama-3-8B-Instruct
trust_remote_code: true
stage: dpo
do_train: true
finetuning_type: lora
lora_rank: 8
lora_target: all
pref_beta: 0.1
pref_loss: sigmoid
dataset: dpo_en_demo
template: llama3
cutoff_len: 2048
max_samples: 1000
overwrite_cache: true
preprocessing_num_workers: 16
dataloader_num_workers: 4
output_dir: saves/llama3-8b/lora/dpo
logging_steps: 10
save_steps: 500
plot_loss: true
overwrite_output_dir: true
save_only_model: false
report_to: none
per_device_train_batch_size: 1
gradient_accumulation_steps: 8
learning_rate: 5.0e-6
num_train_epochs: 3.0
lr_scheduler_type: cosine
warmup_ratio: 0.1
bf16: true
ddp_timeout: 180000000
resume_from_checkpoint: null
";
    let config = read(text, &[]).unwrap().validate().unwrap();
    assert_eq!(config.objective.identity()["stage"], "dpo");
    assert_eq!(config.resume, None);
    assert_eq!(
        notice_keys(&config),
        [
            "dataloader_num_workers",
            "ddp_timeout",
            "overwrite_cache",
            "preprocessing_num_workers",
            "trust_remote_code"
        ]
    );
}

#[test]
fn simpo_and_orpo_are_stages_and_losses_of_the_dpo_stage() {
    for overrides in [["stage=simpo", "seed=1"], ["stage=dpo", "pref_loss=simpo"]] {
        let loss = config(&overrides).objective.identity();
        let expected = json!({ "stage": "simpo", "pref_beta": 0.1, "simpo_gamma": 0.5, "pref_ftx": 0.0 });
        assert_eq!(loss, expected, "{overrides:?}");
    }
    assert_eq!(config(&["stage=dpo", "pref_loss=orpo"]).objective.identity()["stage"], "orpo");
    assert_eq!(notices_of(&["stage=dpo", "pref_loss=orpo"]), [""; 0]);
    assert_eq!(notices_of(&["stage=simpo", "pref_loss=simpo", "simpo_gamma=1.5"]), [""; 0]);
}

#[test]
fn the_likelihood_term_reaches_every_preference_loss() {
    for stage in ["stage=dpo", "stage=simpo", "stage=orpo", "stage=iopo"] {
        let loss = config(&[stage, "pref_ftx=0.25"]).objective.identity();
        assert_eq!(loss["pref_ftx"], 0.25, "{stage}");
    }
}

#[test]
fn iopo_variants_are_named_after_the_preferences_they_keep() {
    for (name, variant) in [
        ("full", IopoVariant::Full),
        ("simplified", IopoVariant::Simplified),
        ("input-only", IopoVariant::InputPreference),
        ("output-only", IopoVariant::OutputPreference),
    ] {
        let loss = config(&["stage=iopo", &format!("iopo_variant={name}")]).objective;
        assert_eq!(loss.identity()["iopo_variant"], name);
        // The same loss made without a configuration has the same identity.
        let direct = IopoLossConfig { variant, ..Default::default() }.init().unwrap();
        assert_eq!(loss.identity(), Objective::identity(&direct));
    }
}

#[test]
fn a_minimal_configuration_takes_the_documented_defaults_without_a_line() {
    let config = config(&[]);
    assert_eq!(config.objective.identity(), json!({ "stage": "sft" }));
    assert_eq!((config.batch_size, config.accumulation), (8, 1));
    assert_eq!((config.learning_rate, config.schedule), (5e-5, LrScheduleKind::Linear));
    assert_eq!(config.notices, []);
}
