//! The laboratory: time and memory beside PyTorch, the paper's tables in miniature, parity with recorded
//! references, and files handed to Python's programs.
// `println!` and `eprintln!` panic on a closed pipe, for example in `| head -1`; `iopo_cli` does not.
#![cfg_attr(not(test), warn(clippy::print_stdout, clippy::print_stderr))]

mod bench;
mod golden;
mod interop;
mod page;
mod parity;
mod reproduce;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, ensure};
use clap::{Parser, Subcommand};
use iopo_cli::{Outcome, failure, say};

/// The allocator of `trace-train`, whose engine is measured.
#[global_allocator]
static ALLOCATOR: iopo_cli::MiMalloc = iopo_cli::MiMalloc;

#[derive(Parser)]
#[command(about = "Measurements, studies and parity replays", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Time and memory of the engine and of PyTorch; without a subcommand, the whole comparison.
    Bench(bench::BenchArgs),
    /// Load saved models with transformers and PEFT, and exported rows with datasets, where Python has them
    /// (IOPO_PYTHON chooses one).
    Interop,
    /// The paper's tables in miniature, on a world whose verdicts are exact; takes hours.
    Reproduce(reproduce::ReproduceArgs),
    /// Replay recorded references and print the largest differences; exit 1 beyond tolerance.
    Parity {
        #[command(subcommand)]
        kind: Parity,
    },
}

#[derive(Subcommand)]
enum Parity {
    /// Verdicts of the official IFEval code on whole responses.
    Ifeval {
        /// Rows of `key`, `response`, `instruction_id_list`, `strict` and `loose`.
        file: PathBuf,
        /// Google's prompts; without it, `ifeval_input_data.jsonl` beside the file or in ../shared/data.
        prompts: Option<PathBuf>,
    },
    /// Verdicts of single IFEval checks.
    IfevalUnit {
        /// Rows of `id`, `kwargs`, `response` and `check` with `strict`, or `error`.
        file: PathBuf,
    },
    /// Words, sentences, tokens, case and languages of texts.
    IfevalUtil {
        /// Rows of `text`, `words`, `sentences`, `tokens` and so on.
        file: PathBuf,
    },
    /// Recorded rows of CFBench's official code.
    Cfbench {
        /// `cfbench_score_golden.jsonl`, or another file of the layouts beside it.
        file: PathBuf,
    },
    /// Recorded rows of ComplexBench's official code.
    Complexbench {
        /// `complexbench_rule_golden.jsonl`, or another file of the layouts beside it.
        file: PathBuf,
    },
    /// Values and gradients of losses.
    Losses {
        /// A file of `iopo/`, `dpo/`, `simpo/`, `orpo/` or `trl/` tensors.
        file: PathBuf,
    },
    /// Logits of whole sequences.
    Logits {
        /// A file of `seqN.*` tensors.
        file: PathBuf,
        /// A Hugging Face folder.
        model: PathBuf,
    },
    /// Completion log-probs of recorded batches.
    Logps {
        /// A file of `bN.*` tensors.
        file: PathBuf,
        /// A Hugging Face folder.
        model: PathBuf,
    },
    /// Token ids of rendered templates, or truncated lengths.
    Template {
        /// `template_cases.json` or `infer_seqlen.json`, or another file of their layouts.
        file: PathBuf,
        /// A Hugging Face folder; without it, those that the cases name.
        model: Option<PathBuf>,
    },
    /// Recorded readings of judges' answers by TRACE's released script.
    TraceJudge {
        /// `trace_judge_parse_golden.jsonl`, or another file of its layout.
        file: PathBuf,
    },
    /// A recorded training run.
    Train {
        /// A folder with `record.json`, `batches.safetensors` and parameters after each step.
        dir: PathBuf,
        /// A Hugging Face folder.
        model: PathBuf,
    },
}

fn main() -> ExitCode {
    iopo_cli::keep_freed_memory();
    let cli: Cli = match iopo_cli::parse() {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    match run(cli.command) {
        Ok(true) => Outcome::Done.into(),
        Ok(false) => Outcome::Failed.into(),
        Err(error) => failure(&error, None),
    }
}

fn run(command: Command) -> Result<bool> {
    match command {
        Command::Bench(args) => bench::run(&args),
        Command::Interop => interop::run(),
        Command::Reproduce(args) => reproduce::run(&args),
        Command::Parity { kind } => {
            let report = kind.run()?;
            say(&report)?;
            Ok(report.passed())
        }
    }
}

/// Refuses to measure in a debug build, which is several times slower.
fn ensure_release() -> Result<()> {
    ensure!(
        !cfg!(debug_assertions),
        "this is a debug build, whose times mean nothing: run `cargo xtask ...`, or build with --release"
    );
    Ok(())
}

impl Parity {
    fn run(&self) -> Result<parity::Report> {
        match self {
            Self::Ifeval { file, prompts } => parity::ifeval::run(file, prompts.as_deref()),
            Self::IfevalUnit { file } => parity::ifeval::run_unit(file),
            Self::IfevalUtil { file } => parity::ifeval::run_util(file),
            Self::Cfbench { file } => Ok(trace_replay::cfbench::replay(file)?.into()),
            Self::Complexbench { file } => Ok(trace_replay::complexbench::replay(file)?.into()),
            Self::Losses { file } => parity::losses::run(file),
            Self::Logits { file, model } => parity::logits::run(file, model),
            Self::Logps { file, model } => parity::logps::run(file, model),
            Self::Template { file, model } => parity::template::run(file, model.as_deref()),
            Self::TraceJudge { file } => Ok(trace_replay::trace_judge::replay(file)?.into()),
            Self::Train { dir, model } => parity::train::run(dir, model),
        }
    }
}
