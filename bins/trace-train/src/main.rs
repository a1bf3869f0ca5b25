//! `trace-train`: trains language models on preference groups.
// Those macros panic where nobody listens; `console` does not.
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod allocator;
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

use std::num::NonZero;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

use cli::{Cli, Command};
use console::note;

/// Exit code of everything the user can put right.
const USER_ERROR: u8 = 2;

fn main() -> ExitCode {
    allocator::keep_freed_memory();
    match on_threads(Cli::parse()) {
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

/// Everything happens on a thread of the pool, so that it works along with those it shares work among.
fn on_threads(cli: Cli) -> Result<()> {
    /// A main thread's.
    const STACK: usize = 8 << 20;
    let threads = cli.threads.map_or(0, NonZero::get);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).stack_size(STACK).build()?;
    pool.install(|| dispatch(cli))
}

fn dispatch(cli: Cli) -> Result<()> {
    match cli.command {
        Command::Run(args) => run::run(&args),
        Command::Quickstart(args) => quickstart::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Tokenizer(args) => tokenizer::run(&args),
        Command::Devices => devices::list(),
    }
}
