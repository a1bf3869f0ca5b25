//! Time and memory.

mod measure;
mod prepare;
mod synthetic;

use anyhow::Result;
use clap::{Args, Subcommand};

/// What to measure.
#[derive(Args)]
pub struct BenchArgs {
    #[command(subcommand)]
    kind: Kind,
}

#[derive(Subcommand)]
enum Kind {
    /// Read, template, tokenise and lay out synthetic groups, as a stream.
    Prepare(prepare::PrepareArgs),
}

/// Runs a measurement.
pub fn run(args: &BenchArgs) -> Result<bool> {
    match &args.kind {
        Kind::Prepare(args) => prepare::run(args)?,
    }
    Ok(true)
}
