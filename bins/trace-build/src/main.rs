//! Builds and describes TRACE data.

mod annotate;
mod browse;
mod cli;
mod export;
mod inputs;
mod report;
mod ring_plot;
mod run;
mod stats;
mod tables;
mod world;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Annotate(command) => annotate::run(&command).map(|()| ExitCode::SUCCESS),
        Command::Browse(args) => browse::run(&args).map(|()| ExitCode::SUCCESS),
        Command::Export(args) => export::run(&args).map(|()| ExitCode::SUCCESS),
        Command::Run(args) => run::run(&args),
        Command::Stats(args) => stats::run(&args).map(|()| ExitCode::SUCCESS),
        Command::World(args) => world::run(&args).map(|()| ExitCode::SUCCESS),
    };
    match result {
        Ok(code) => code,
        Err(error) => report::failure(&error),
    }
}
