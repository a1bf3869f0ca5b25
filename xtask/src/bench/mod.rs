//! Time and memory of the engine, side by side with PyTorch.

mod ablations;
mod case;
mod compare;
mod figure;
mod group_file;
mod machine;
mod measure;
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

use std::env;
use std::process::Command;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};

use crate::golden::root;
use crate::say;

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
    /// Read, template, tokenise and lay out synthetic groups, as a stream.
    Prepare(prepare::PrepareArgs),
    /// What each mechanism is worth: a table in Markdown, each row with one of them switched.
    Ablations(ablations::AblationArgs),
}

/// Runs a measurement; false if a part of it failed.
pub fn run(args: &BenchArgs) -> Result<bool> {
    if cfg!(debug_assertions) {
        return in_release();
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

/// `cargo xtask` is a debug build, whose times mean nothing: the same command from a release build.
fn in_release() -> Result<bool> {
    let status = Command::new("cargo")
        .args(["run", "--release", "--quiet", "--package", "xtask", "--manifest-path"])
        .arg(root().join("Cargo.toml"))
        .arg("--")
        .args(env::args_os().skip(1))
        .status()
        .context("cannot run cargo")?;
    Ok(status.success())
}
