//! `cargo xtask bench one`: one configuration, one line of JSON.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use super::group_file::Stage;
use super::measure::{Memory, MemoryProbe, RETURN_FREED_MEMORY, median, minimum};
use super::session::{Session, Step};

/// Which parameters are trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tune {
    /// All of them: full fine-tuning.
    Full,
    /// Adapters of rank 8 and alpha 16 on every linear layer except the LM head.
    Lora,
}

impl Tune {
    /// The name on the command line and in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Lora => "lora",
        }
    }

    /// The name in tables.
    pub fn label(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Lora => "LoRA",
        }
    }
}

/// How often a group goes through the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Passes {
    /// All sequences together.
    One,
    /// Log-probs first, then each sequence alone.
    Two,
}

impl Passes {
    /// The name on the command line and in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::One => "one",
            Self::Two => "two",
        }
    }
}

/// One configuration.
#[derive(Debug, Clone, Args)]
pub struct OneArgs {
    /// A Hugging Face folder.
    #[arg(long)]
    pub model: PathBuf,
    /// Groups of token ids: a JSON object with x1, y1, x2 and y2 on each line.
    #[arg(long)]
    pub quads: PathBuf,
    /// What is trained on each group.
    #[arg(long, value_enum, default_value = "iopo")]
    pub stage: Stage,
    /// Which parameters are trained.
    #[arg(long, value_enum, default_value = "full")]
    pub tune: Tune,
    /// Keep only each layer's input, and recompute the layer in the backward pass.
    #[arg(long)]
    pub checkpointing: bool,
    /// How often a group goes through the model.
    #[arg(long, value_enum, default_value = "one")]
    pub passes: Passes,
    /// Threads for the operations.
    #[arg(long, default_value_t = 1)]
    pub threads: usize,
    /// Measured steps.
    #[arg(long, default_value_t = 6)]
    pub steps: usize,
    /// Steps before measuring.
    #[arg(long, default_value_t = 1)]
    pub warm: usize,
    /// Groups in the micro-batch of a step.
    #[arg(long, default_value_t = 1)]
    pub groups: usize,
    /// Run the reference model in every step.
    #[arg(long)]
    pub live_reference: bool,
    /// Compute each sequence in full, sharing no prefix.
    #[arg(long)]
    pub unshared: bool,
    /// Apply the LM head to every token, and not only to those that predict a completion token.
    #[arg(long)]
    pub whole_head: bool,
    /// Use tensor operations instead of the CPU kernels.
    #[arg(long)]
    pub no_kernels: bool,
    /// Predictions whose logits exist at a time; by default what the engine chooses.
    #[arg(long)]
    pub head_chunk: Option<usize>,
    /// Do not measure memory.
    #[arg(long)]
    pub no_memory: bool,
    /// Steps of the run that measures memory, those before measuring included.
    #[arg(long, default_value_t = 3)]
    pub memory_steps: usize,
    /// Measure memory in this process: its environment must make the allocator return freed blocks.
    #[arg(long, hide = true, conflicts_with = "no_memory")]
    pub memory_only: bool,
}

/// What one configuration cost. A run that measures memory only is slower than one that measures time.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OneResult {
    /// `iopo`, beside the baseline's `ref` and `best`.
    pub engine: String,
    /// The model folder's name.
    pub model: String,
    /// The group file's name without its ending.
    pub data: String,
    /// What was trained on each group.
    pub stage: Stage,
    /// Which parameters were trained.
    pub tune: Tune,
    /// How many parameters were trained.
    pub trainable_parameters: usize,
    /// Whether layers were recomputed in the backward pass.
    pub checkpointing: bool,
    /// How often a group went through the model.
    pub passes: Passes,
    /// Whether equal prefixes were computed once.
    pub shared_prefixes: bool,
    /// Whether the LM head was applied to every token.
    pub whole_head: bool,
    /// Whether the CPU kernels ran.
    pub kernels: bool,
    /// Predictions whose logits existed at a time.
    pub head_chunk: usize,
    /// Where the reference's log-probs came from in a step: `cached`, `live`, or `none` where the loss has no reference.
    pub reference: String,
    /// Threads for the operations.
    pub threads: usize,
    /// Measured steps.
    pub steps: usize,
    /// Steps before the measured ones.
    pub warm: usize,
    /// Groups per step.
    pub groups: usize,
    /// Tokens of a step's sequences, each counted in full as the baseline does.
    pub tok_per_step: f64,
    /// Tokens that the model computed for them.
    pub computed_tok_per_step: f64,
    /// CPU seconds of the fastest step, of all threads.
    pub s_step_cpu_min: f64,
    /// CPU seconds of the median step.
    pub s_step_cpu_median: f64,
    /// Wall time of the fastest step, in seconds.
    pub s_step_wall_min: f64,
    /// Wall time of the median step, in seconds.
    pub s_step_wall_median: f64,
    /// Wall time in seconds per group of the reference log-probs before training.
    pub ref_precompute_s: Option<f64>,
    /// Resident memory, where it was measured.
    #[serde(flatten)]
    pub memory: Option<Memory>,
    /// Loss before the first update.
    pub loss0: f64,
    /// Loss before the last one.
    pub loss_last: f64,
}

/// Measures time in this process, and memory in a child whose allocator returns freed blocks.
pub fn run(args: &OneArgs) -> Result<OneResult> {
    let mut result = measure(args)?;
    if !args.no_memory && !args.memory_only {
        result.memory = memory_of_child()?;
    }
    Ok(result)
}

/// Starts this program once more with its own arguments: mimalloc reads its settings when a process starts.
fn memory_of_child() -> Result<Option<Memory>> {
    let mut command = Command::new(env::current_exe().context("this program has no path")?);
    command.args(env::args_os().skip(1)).arg("--memory-only").envs(RETURN_FREED_MEMORY);
    let output = command.output().context("cannot start this program once more to measure memory")?;
    if !output.status.success() {
        bail!("the run for memory failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let result: OneResult =
        serde_json::from_slice(&output.stdout).context("the run for memory printed no result")?;
    Ok(result.memory)
}

/// Runs on a thread of the pool, so that operations use the threads of that pool and no others.
fn measure(args: &OneArgs) -> Result<OneResult> {
    ensure!(args.steps > 0, "there must be a step to measure: --steps is 0");
    ensure!(args.groups > 0, "a step needs a group: --groups is 0");
    ensure!(args.threads > 0, "--threads is 0");
    ensure!(args.memory_steps > 0, "--memory-steps is 0");
    let mut args = args.clone();
    if args.memory_only {
        (args.warm, args.steps) = (0, args.memory_steps);
    }
    /// The stack of a main thread, so that recursion goes as deep here as in the programs.
    const STACK: usize = 8 << 20;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(args.threads).stack_size(STACK).build()?;
    pool.install(|| measure_here(&args))
}

fn measure_here(args: &OneArgs) -> Result<OneResult> {
    let mut session = Session::load(args)?;
    let probe = args.memory_only.then(MemoryProbe::start).transpose()?;
    let ref_precompute_s = session.precompute_reference()?;
    let steps = (0..args.warm + args.steps).map(|_| session.step()).collect::<Result<Vec<Step>>>()?;
    let memory = probe.map(MemoryProbe::finish).transpose()?;
    let measured = &steps[args.warm..];
    let of = |value: fn(&Step) -> f64| measured.iter().map(value).collect::<Vec<f64>>();
    let (wall, cpu) = (of(|step| step.wall), of(|step| step.cpu));
    let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len() as f64;
    let present = |value: Option<f64>| value.context("no step was measured");
    Ok(OneResult {
        engine: "iopo".to_owned(),
        model: name(&args.model, Path::file_name),
        data: name(&args.quads, Path::file_stem),
        stage: args.stage,
        tune: args.tune,
        trainable_parameters: session.trainable_parameters(),
        checkpointing: args.checkpointing,
        passes: args.passes,
        shared_prefixes: !args.unshared,
        whole_head: args.whole_head,
        kernels: !args.no_kernels,
        head_chunk: session.head_chunk(),
        reference: session.reference_name().to_owned(),
        threads: args.threads,
        steps: args.steps,
        warm: args.warm,
        groups: args.groups,
        tok_per_step: mean(of(|step| step.tokens as f64)),
        computed_tok_per_step: mean(of(|step| step.computed as f64)),
        s_step_cpu_min: present(minimum(&cpu))?,
        s_step_cpu_median: present(median(&cpu))?,
        s_step_wall_min: present(minimum(&wall))?,
        s_step_wall_median: present(median(&wall))?,
        ref_precompute_s,
        memory,
        loss0: present(steps.first().map(|step| step.loss))?,
        loss_last: present(steps.last().map(|step| step.loss))?,
    })
}

fn name(path: &Path, part: fn(&Path) -> Option<&std::ffi::OsStr>) -> String {
    part(path).map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use clap::Parser;

    use super::*;
    use crate::golden::root;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: OneArgs,
    }

    fn args(quads: &Path, more: &[&str]) -> OneArgs {
        let model = root().join("fixtures/models/qwen2-tiny");
        let fixed = ["one", "--steps", "2", "--warm", "0", "--no-memory", "--model"].map(Into::into);
        let paths = [model.into_os_string(), "--quads".into(), quads.into()];
        let line = fixed.into_iter().chain(paths).chain(more.iter().map(Into::into));
        Line::parse_from(line).args
    }

    fn quads() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("two.jsonl");
        let row = |i: u32| {
            format!(r#"{{"x1": [1, 2, {i}], "y1": [{i}, 4], "x2": [1, 2, 9], "y2": [7, {i}, 8]}}{}"#, "\n")
        };
        fs::write(&path, row(5) + &row(6)).unwrap();
        (dir, path)
    }

    #[test]
    fn every_way_through_a_group_starts_at_ln_2_and_ends_alike() {
        let (_dir, path) = quads();
        let plain = run(&args(&path, &[])).unwrap();
        assert!((plain.loss0 - std::f64::consts::LN_2).abs() < 1e-6, "{}", plain.loss0);
        assert!(plain.computed_tok_per_step < plain.tok_per_step);
        assert_eq!((plain.tok_per_step, plain.reference.as_str()), (22.0, "cached"));
        for more in [
            &["--checkpointing"][..],
            &["--passes", "two", "--threads", "2"],
            &["--unshared"],
            &["--whole-head", "--head-chunk", "3"],
        ] {
            let other = run(&args(&path, more)).unwrap();
            assert!((other.loss_last - plain.loss_last).abs() < 1e-6, "{more:?}: {}", other.loss_last);
        }
    }

    #[test]
    fn stages_differ_in_their_sequences() {
        let (_dir, path) = quads();
        for (stage, tokens) in [("sft", 5.0), ("sft2", 11.0), ("dpo", 11.0)] {
            let result = run(&args(&path, &["--stage", stage, "--tune", "lora"])).unwrap();
            assert_eq!(result.tok_per_step, tokens, "{stage}");
            assert_eq!(result.ref_precompute_s.is_some(), stage == "dpo");
            assert!(result.s_step_wall_median > 0.0 && result.memory.is_none());
        }
    }

    #[test]
    fn a_result_is_one_line_that_is_read_back() {
        let (_dir, path) = quads();
        let mut result = run(&args(&path, &["--groups", "2"])).unwrap();
        result.memory = Some(Memory { loaded: 1.0, peak: 3.0, delta: 2.0 });
        let line = serde_json::to_string(&result).unwrap();
        assert!(!line.contains('\n') && line.contains(r#""rss_delta_mb":2.0"#), "{line}");
        let back: OneResult = serde_json::from_str(&line).unwrap();
        assert_eq!(back.memory, result.memory);
        assert_eq!(back.tok_per_step, 44.0);
    }

    #[test]
    fn nothing_to_measure_is_an_error() {
        let (_dir, path) = quads();
        for option in ["--steps", "--groups", "--threads", "--memory-steps"] {
            // The last one given counts only where it is the only one.
            let mut args = args(&path, &[]);
            match option {
                "--steps" => args.steps = 0,
                "--groups" => args.groups = 0,
                "--threads" => args.threads = 0,
                _ => args.memory_steps = 0,
            }
            assert!(run(&args).unwrap_err().to_string().contains(option));
        }
    }
}
