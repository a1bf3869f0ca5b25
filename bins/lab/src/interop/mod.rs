//! Files that this workspace writes, loaded with the Python libraries that they are for.

mod datasets;
mod models;

use std::env;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use iopo_cli::say;
use serde_json::Value;

use crate::golden::root;

/// Loads models with transformers and PEFT, and exported rows with datasets.
///
/// The interpreter is `IOPO_PYTHON`, by default `python3`. What needs libraries that it lacks is
/// skipped with a line that says so, and passes.
///
/// # Errors
/// Folders that cannot be written, and a Python program that fails.
pub fn run() -> Result<bool> {
    // Both are run, so no short-circuit.
    Ok(datasets::run()? & models::run()?)
}

/// The interpreter, if it imports all of these; else a line says that it does not.
fn python_with(libraries: &[&str]) -> Result<Option<String>> {
    let python = env::var("IOPO_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let libraries = libraries.join(", ");
    let imports = Command::new(&python).args(["-c", &format!("import {libraries}")]).output();
    if imports.is_ok_and(|output| output.status.success()) {
        return Ok(Some(python));
    }
    say(format_args!("SKIPPED: {python} does not import {libraries}; IOPO_PYTHON names another"))?;
    Ok(None)
}

/// Runs a program of bins/lab/python on a folder, and reads the JSON in its last line.
fn run_program(python: &str, program: &str, dir: &Path) -> Result<Value> {
    let output = Command::new(python)
        .arg(root().join("bins/lab/python").join(program))
        .arg(dir)
        // Everything is in `dir`: a name that is not must fail, and not be looked for elsewhere.
        .env("HF_HUB_OFFLINE", "1")
        .output()
        .with_context(|| format!("cannot run {python}"))?;
    if !output.status.success() {
        bail!("{python} failed:\n{}", String::from_utf8_lossy(&output.stderr));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(text.lines().last().unwrap_or_default())
        .with_context(|| format!("{python} printed no JSON:\n{text}"))
}
