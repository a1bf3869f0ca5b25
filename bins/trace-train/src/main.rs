//! `trace-train`: trains language models on preference groups.
// Those macros panic on a closed pipe; `iopo_cli` does not.
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod cli;
mod devices;
mod export;
mod plots;
mod progress;
mod quickstart;
mod run;
mod table;
mod tokenizer;

use std::process::ExitCode;

use anyhow::Result;
use iopo_cli::{failure, on_threads, say};
use iopo_train::TrainArgs;

use cli::{Cli, Command, KeysArgs};

/// Steps allocate and free blocks of megabytes, which this allocator hands out again without asking the system.
#[global_allocator]
static ALLOCATOR: iopo_cli::MiMalloc = iopo_cli::MiMalloc;

fn main() -> ExitCode {
    iopo_cli::keep_freed_memory();
    let cli: Cli = match iopo_cli::parse() {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    match on_threads(cli.threads, || dispatch(cli)).map_err(anyhow::Error::from).flatten() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure(&error, None),
    }
}

fn dispatch(cli: Cli) -> Result<()> {
    match cli.command {
        Command::Run(args) => run::run(&args),
        Command::Quickstart(args) => quickstart::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Tokenizer(args) => tokenizer::run(&args),
        Command::Keys(KeysArgs { markdown: true }) => say(TrainArgs::keys_as_markdown().trim_end()),
        Command::Keys(KeysArgs { markdown: false }) => say(TrainArgs::keys_as_text().trim_end()),
        Command::Devices => devices::list(),
    }
}
