//! Hands a command over to the program in `bins/lab`, which links the engine.

use std::ffi::OsString;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::root;

/// Commands whose times mean nothing in a debug build.
const RELEASE: [&str; 2] = ["bench", "reproduce"];

/// Options with which these commands measure nothing.
const WITHOUT_MEASURING: [&str; 2] = ["--render", "--print"];

/// Builds the program and runs it with these arguments; its exit code.
pub fn run(args: &[OsString]) -> Result<ExitCode> {
    let measures = !args.iter().any(|arg| WITHOUT_MEASURING.iter().any(|option| arg == option));
    let release = measures && args.first().is_some_and(|name| RELEASE.iter().any(|release| name == release));
    let status = Command::new("cargo")
        .args(["run", "--quiet", "--package", "lab", "--manifest-path"])
        .arg(root().join("Cargo.toml"))
        .args(release.then_some("--release"))
        .arg("--")
        .args(args)
        .status()
        .context("cannot run cargo")?;
    let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
    Ok(ExitCode::from(code))
}
