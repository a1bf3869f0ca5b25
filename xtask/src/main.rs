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
        },
    };
    println!("{report}");
    Ok(report.passed())
}
