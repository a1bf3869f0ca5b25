//! Repository chores: checks and fixtures. It compiles in seconds; what needs the engine is in `bins/lab`.
// Those macros panic on a closed pipe, for example in `| head -1`; `say` and `note` do not.
#![cfg_attr(not(test), warn(clippy::print_stdout, clippy::print_stderr))]

mod check;
mod fixtures;
mod lab;
#[cfg(test)]
mod paper_map;
#[cfg(test)]
mod tidy;

use std::ffi::OsString;
use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "Repository chores", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Format, fixtures, lints, documentation, tests, and type checks of every device feature.
    Check {
        /// Only the tests on a WGPU device; builds for about a quarter of an hour.
        #[arg(long)]
        wgpu: bool,
    },
    /// Write the generated files of fixtures/.
    GenFixtures {
        /// Only say whether they are up to date.
        #[arg(long)]
        check: bool,
    },
    /// `bench`, `reproduce`, `parity` and `interop`, with their arguments: the program in bins/lab.
    #[command(external_subcommand)]
    Lab(Vec<OsString>),
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(code) => code,
        Err(error) => {
            note(format_args!("error: {error:#}"));
            ExitCode::from(2)
        }
    }
}

fn run(command: Command) -> Result<ExitCode> {
    let passed = match command {
        Command::Check { wgpu } => check::run(wgpu)?,
        Command::GenFixtures { check: true } => fixtures::check()?,
        Command::GenFixtures { check: false } => fixtures::generate().map(|()| true)?,
        Command::Lab(args) => return lab::run(&args),
    };
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The repository's root.
fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// A line on standard output; a reader that went away has seen enough.
fn say(text: impl Display) -> Result<()> {
    match writeln!(io::stdout().lock(), "{text}") {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result.context("cannot write to standard output"),
    }
}

/// A line on standard error, where it can be written.
fn note(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
