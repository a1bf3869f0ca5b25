//! `trace-train quickstart`: the whole path on a model and data that the program carries with it.

use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};
use iopo_train::TrainArgs;

use crate::cli::QuickstartArgs;
use crate::console::print;
use crate::run::train;
use crate::table::{render, to_json};

macro_rules! embedded {
    ($($name:literal => $source:literal),* $(,)?) => {
        [$(($name, include_bytes!(concat!("../../../fixtures/", $source)) as &[u8])),*]
    };
}

const CONFIG: &str = include_str!("../../../fixtures/quickstart/iopo.yaml");

/// Where each file goes, and what is in it.
const FILES: [(&str, &[u8]); 7] = embedded! {
    "groups.jsonl" => "quickstart/groups.jsonl",
    "eval_groups.jsonl" => "quickstart/eval_groups.jsonl",
    "model/config.json" => "models/qwen2-tiny/config.json",
    "model/generation_config.json" => "models/qwen2-tiny/generation_config.json",
    "model/model.safetensors" => "models/qwen2-tiny/model.safetensors",
    "model/tokenizer.json" => "models/qwen2-tiny/tokenizer.json",
    "model/tokenizer_config.json" => "models/qwen2-tiny/tokenizer_config.json",
};

/// Writes model and data to the folder, trains, and prints what changed.
pub fn run(args: &QuickstartArgs) -> Result<()> {
    let started = Instant::now();
    for (name, bytes) in FILES {
        write(&args.out.join(name), bytes)?;
    }
    let config_path = args.out.join("iopo.yaml");
    write(&config_path, CONFIG.as_bytes())?;
    let at = |key: &str, name: &str| format!("{key}={}", args.out.join(name).display());
    let overrides = [
        at("model_name_or_path", "model"),
        at("dataset", "groups.jsonl"),
        at("eval_dataset", "eval_groups.jsonl"),
        at("output_dir", "adapter"),
        format!("seed={}", args.seed),
    ];
    let config = TrainArgs::from_file(&config_path, &overrides)?.validate()?;
    let device = args.device.open()?;
    let (changes, summary) = train(config, &device)?;
    if args.json {
        return print(&to_json(&changes).to_string());
    }
    print(&render(&changes).to_string())?;
    print(&format!(
        "IOPO with LoRA, {} updates in {:.0} s. A reward is β (log π − log π_ref), so all are 0 before the first \
         update,\nand a tie prefers nothing. Adapter, logs and training_curves.svg are in {};\nthe configuration that made them is {}.",
        summary.steps,
        started.elapsed().as_secs_f64(),
        args.out.join("adapter").display(),
        config_path.display()
    ))
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
    }
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}
