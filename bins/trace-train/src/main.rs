//! `trace-train`: trains language models on preference groups.
// Those macros panic where nobody listens; `console` does not.
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod cli;
mod console;
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
use clap::Parser;
use iopo_device::on_threads;
use iopo_train::TrainArgs;

use cli::{Cli, Command, KeysArgs};
use console::{note, print};

/// Exit code of everything the user can put right.
const USER_ERROR: u8 = 2;

fn main() -> ExitCode {
    iopo_device::keep_freed_memory();
    let cli = Cli::parse();
    match on_threads(cli.threads, || dispatch(cli)).map_err(anyhow::Error::from).flatten() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let message = error.to_string();
            note(&format!("error: {message}"));
            // Many messages quote their cause already.
            for cause in error.chain().skip(1).map(ToString::to_string).filter(|c| !message.contains(c)) {
                note(&format!("  caused by: {cause}"));
            }
            ExitCode::from(USER_ERROR)
        }
    }
}

fn dispatch(cli: Cli) -> Result<()> {
    match cli.command {
        Command::Run(args) => run::run(&args),
        Command::Quickstart(args) => quickstart::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Tokenizer(args) => tokenizer::run(&args),
        Command::Keys(KeysArgs { markdown: true }) => print(TrainArgs::keys_as_markdown().trim_end()),
        Command::Keys(KeysArgs { markdown: false }) => print(TrainArgs::keys_as_text().trim_end()),
        Command::Devices => devices::list(),
    }
}
