//! `trace-eval`: asks models for answers, judges them, and reports.
// Those macros panic on a closed pipe; `iopo_cli` does not.
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod answer;
mod answer_row;
mod asking;
mod benchmark;
mod cfbench;
mod cli;
mod compare;
mod complexbench;
mod files;
mod ifeval;
mod judging;
mod provenance;
mod trace;

use std::process::ExitCode;

use crate::cli::{Cli, Command};

/// Generation allocates and frees large blocks, which this allocator hands out again without asking the system.
#[cfg(feature = "local")]
#[global_allocator]
static ALLOCATOR: iopo_cli::MiMalloc = iopo_cli::MiMalloc;

fn main() -> ExitCode {
    #[cfg(feature = "local")]
    iopo_cli::keep_freed_memory();
    let cli: Cli = match iopo_cli::parse() {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    let result = match cli.command {
        Command::Ifeval(args) => ifeval::run(&args),
        Command::Answer(args) => answer::run(&args),
        Command::Trace(args) => trace::run(&args),
        Command::Cfbench(args) => cfbench::run(&args),
        Command::Complexbench(args) => complexbench::run(&args),
        Command::Compare(args) => compare::run(&args),
    };
    match result {
        Ok(outcome) => outcome.into(),
        Err(error) => iopo_cli::failure(&error, None),
    }
}
