//! Builds and describes TRACE data.

mod browse;
mod cli;
mod export;
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
        Command::Browse(args) => browse::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Stats(args) => stats::run(&args),
        Command::World(args) => world::run(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => report::failure(&error),
    }
}
