//! Builds and describes TRACE data.

mod annotate;
mod cli;
mod report;
mod ring_plot;
mod stats;
mod tables;
mod world;
mod world_tables;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Annotate(command) => annotate::run(&command),
        Command::Stats(args) => stats::run(&args),
        Command::World(args) => world::run(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report::failure(&error),
    }
}
