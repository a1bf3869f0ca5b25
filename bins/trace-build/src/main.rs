//! Builds and describes TRACE data.

mod annotate;
mod browse;
mod cli;
mod export;
mod hint;
mod ring_plot;
mod run;
mod stats;
mod tables;
mod world;

use std::process::ExitCode;

use iopo_cli::{Outcome, failure};

use crate::cli::{Cli, Command};

fn main() -> ExitCode {
    let cli: Cli = match iopo_cli::parse() {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    let result = match cli.command {
        Command::Annotate(command) => annotate::run(&command).map(|()| Outcome::Done),
        Command::Browse(args) => browse::run(&args).map(|()| Outcome::Done),
        Command::Export(args) => export::run(&args).map(|()| Outcome::Done),
        Command::Run(args) => run::run(&args),
        Command::Stats(args) => stats::run(&args).map(|()| Outcome::Done),
        Command::World(args) => world::run(&args).map(|()| Outcome::Done),
    };
    match result {
        Ok(outcome) => outcome.into(),
        Err(error) => failure(&error, hint::hint(&error)),
    }
}
