//! Time and memory of the engine, side by side with PyTorch.

mod ablations;
mod case;
mod compare;
mod figure;
mod group_file;
mod machine;
pub mod measure;
mod one;
mod plan;
mod prepare;
mod random_model;
mod report;
mod results;
mod runner;
mod scaling;
mod session;
mod synthetic;
mod target;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use iopo_cli::say;

use crate::ensure_release;

/// What to measure.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct BenchArgs {
    #[command(subcommand)]
    kind: Option<Kind>,
    #[command(flatten)]
    compare: compare::CompareArgs,
}

#[derive(Subcommand)]
enum Kind {
    /// One configuration in this process; prints one line of JSON.
    One(one::OneArgs),
    /// Time and memory of preparing a stream of synthetic groups: reading, templating, tokenising, tries.
    Prepare(prepare::PrepareArgs),
    /// The effect of each mechanism: a Markdown table, each row with one of them switched on or off.
    Ablations(ablations::AblationArgs),
}

/// Runs a measurement; false if a part of it failed.
pub fn run(args: &BenchArgs) -> Result<bool> {
    if args.kind.is_some() || !args.compare.render {
        ensure_release()?;
    }
    match &args.kind {
        None => compare::run(&args.compare),
        Some(Kind::One(args)) => {
            say(serde_json::to_string(&one::run(args)?).context("a result is not JSON")?).map(|()| true)
        }
        Some(Kind::Prepare(args)) => prepare::run(args).map(|()| true),
        Some(Kind::Ablations(args)) => ablations::run(args).map(|()| true),
    }
}
