//! Files that this workspace writes, loaded with the Python libraries that read such files.

mod datasets;
mod models;

use std::env;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use iopo_cli::say;
use serde_json::Value;

use crate::golden::root;

/// Loads models with transformers and PEFT, and exported rows with datasets.
///
/// The interpreter is `IOPO_PYTHON`, by default `python3`. A check whose libraries it lacks is skipped with a printed
/// line, and passes.
///
/// # Errors
/// Folders that cannot be written, and a Python program that fails.
pub fn run() -> Result<bool> {
    // Both are run, so no short-circuit.
    Ok(datasets::run()? & models::run()?)
}

/// The interpreter, if it imports all of these libraries; `None`, with a printed line, otherwise.
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

/// Writes cases to a folder, has a program of bins/lab/python load them, and prints its results; whether all passed.
///
/// `write` returns the number of cases, and `print` prints one result and says whether it passed.
fn compare(
    libraries: &[&str],
    program: &str,
    write: impl FnOnce(&Path) -> Result<usize>,
    print: impl Fn(&Value) -> Result<bool>,
) -> Result<bool> {
    let Some(python) = python_with(libraries)? else {
        return Ok(true);
    };
    let dir = tempfile::tempdir().context("cannot make a temporary folder")?;
    let cases = write(dir.path())?;
    let report = run_program(&python, program, dir.path())?;
    say(format_args!("{python}: {}", report["versions"]))?;
    let results = report["results"].as_array().map_or(&[][..], Vec::as_slice);
    ensure!(results.len() == cases, "{cases} cases were written, {} compared", results.len());
    // Every result is printed, so no short-circuit.
    results.iter().try_fold(true, |all, result| {
        let problems = result["problems"].as_array().map_or(&[][..], Vec::as_slice);
        let passed = print(result)?;
        problems.iter().try_for_each(|problem| say(format_args!("     {problem}")))?;
        Ok(all & passed)
    })
}

/// Runs a program of bins/lab/python on a folder, and reads the JSON in its last line.
fn run_program(python: &str, program: &str, dir: &Path) -> Result<Value> {
    let output = Command::new(python)
        .arg(root().join("bins/lab/python").join(program))
        .arg(dir)
        // Everything is in `dir`; a name that is missing there must fail instead of being looked for online.
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
