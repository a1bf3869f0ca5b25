//! Repository chores: fixtures, checks, parity with recorded references.

mod golden;
mod parity;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "Repository chores", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Replay recorded references and print the largest differences; exit 1 beyond tolerance.
    Parity {
        #[command(subcommand)]
        kind: Parity,
    },
}

#[derive(Subcommand)]
enum Parity {
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
        /// A Hugging Face folder.
        model: PathBuf,
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
    match run(Cli::parse().command) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(command: Command) -> Result<bool> {
    let report = match command {
        Command::Parity { kind } => match kind {
            Parity::Logits { file, model } => parity::logits::run(&file, &model)?,
            Parity::Logps { file, model } => parity::logps::run(&file, &model)?,
            Parity::Template { file, model } => parity::template::run(&file, &model)?,
            Parity::Train { dir, model } => parity::train::run(&dir, &model)?,
        },
    };
    println!("{report}");
    Ok(report.passed())
}
