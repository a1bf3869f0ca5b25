//! `trace-eval`: asks models for answers, judges them, and reports.
// Those macros panic where nobody listens; `console` does not.
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod answer;
mod answer_row;
mod asking;
mod benchmark;
mod cfbench;
mod cli;
mod compare;
mod complexbench;
mod console;
mod files;
mod ifeval;
mod judging;
mod outcome;
mod provenance;
mod trace;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};

/// Exit code of everything the user can put right; clap uses the same for wrong usage.
const USER_ERROR: u8 = 2;

fn main() -> ExitCode {
    #[cfg(feature = "local")]
    iopo_device::keep_freed_memory();
    let result = match Cli::parse().command {
        Command::Ifeval(args) => ifeval::run(&args),
        Command::Answer(args) => answer::run(&args),
        Command::Trace(args) => trace::run(&args),
        Command::Cfbench(args) => cfbench::run(&args),
        Command::Complexbench(args) => complexbench::run(&args),
        Command::Compare(args) => compare::run(&args),
    };
    match result {
        Ok(outcome) => outcome.into(),
        Err(error) => {
            console::failure(&error);
            ExitCode::from(USER_ERROR)
        }
    }
}
