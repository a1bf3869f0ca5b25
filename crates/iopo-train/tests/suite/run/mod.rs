//! Whole runs: what they learn, log, keep and refuse.

mod bad_days;
mod data;
mod evaluation;
mod output_folder;
mod results;
mod resume;

use std::fs;
use std::path::Path;

use iopo_train::{TrainError, TrainSummary};
use serde_json::Value;
use tempfile::tempdir;

use crate::common::{config, train};

/// Four groups in two updates an epoch, six updates.
const SHORT: [&str; 2] = ["max_samples=4", "max_steps=6"];

/// Three examples an epoch, two of them in an update: epochs end within updates 2, 3, 5 and 6.
const LEFT_OVER: [&str; 5] = [
    "val_size=1",
    "eval_strategy=epoch",
    "per_device_train_batch_size=1",
    "gradient_accumulation_steps=2",
    "accumulate_across_epochs=true",
];

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

/// A folder with a checkpoint of a short run.
fn with_checkpoint() -> tempfile::TempDir {
    let dir = tempdir().unwrap();
    run(dir.path(), &["save_steps=3"]);
    dir
}
