//! The same command from a release build.

use std::env;
use std::process::Command;

use anyhow::{Context, Result};

use crate::golden::root;

/// `cargo xtask` is a debug build, whose times mean nothing and which trains several times slower: runs the same command from a
/// release build.
pub fn run_again() -> Result<bool> {
    let status = Command::new("cargo")
        .args(["run", "--release", "--quiet", "--package", "xtask", "--manifest-path"])
        .arg(root().join("Cargo.toml"))
        .arg("--")
        .args(env::args_os().skip(1))
        .status()
        .context("cannot run cargo")?;
    Ok(status.success())
}
