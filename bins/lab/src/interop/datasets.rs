//! Exported rows, loaded with Hugging Face datasets and pyarrow.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use iopo_cli::say;
use serde_json::{Value, json};
use trace_schema::DatasetReader;
use trace_schema::export::{ExportFormat, ExportOptions, ExportWriter, Shape};

use super::{python_with, run_program};
use crate::golden::root;

/// Writes every format, shape and kind of file, and has Python load them and compare the rows.
///
/// # Errors
/// Files that cannot be written, and a Python program that fails.
pub(super) fn run() -> Result<bool> {
    let Some(python) = python_with(&["datasets", "pyarrow"])? else {
        return Ok(true);
    };
    let dir = tempfile::tempdir().context("cannot make a temporary folder")?;
    let cases = write_cases(dir.path())?;
    let report = run_program(&python, "datasets_interop.py", dir.path())?;
    say(format_args!("{python}: {}", report["versions"]))?;
    let results = report["results"].as_array().map_or(&[][..], Vec::as_slice);
    ensure!(results.len() == cases, "{cases} cases were written, {} compared", results.len());
    results.iter().try_fold(true, |all, result| Ok(all & print_result(result)?))
}

fn write_cases(dir: &Path) -> Result<usize> {
    let mut cases: Vec<Value> = Vec::new();
    for format in ExportFormat::ALL {
        for &shape in format.shapes() {
            let file = |end: &str| format!("{format}-{shape}.{end}").replace(' ', "-");
            for end in ["jsonl", "json", "parquet"] {
                export(&dir.join(file(end)), format, shape)?;
                let name = format!("{format}, {shape}, {end}");
                cases.push(json!({"name": name, "file": file(end), "lines": file("jsonl")}));
            }
        }
    }
    fs::write(dir.join("cases.json"), Value::from(cases.clone()).to_string())?;
    Ok(cases.len())
}

fn export(path: &Path, format: ExportFormat, shape: Shape) -> Result<()> {
    let mut writer = ExportWriter::create(path, ExportOptions::new(format, shape))?;
    for row in DatasetReader::open(root().join("fixtures/quickstart/groups.jsonl"))? {
        writer.write(row?)?;
    }
    ensure!(writer.finish()? > 0, "{} has no rows", path.display());
    Ok(())
}

/// Prints one line, and says whether the case passed.
fn print_result(result: &Value) -> Result<bool> {
    let problems = result["problems"].as_array().map_or(&[][..], Vec::as_slice);
    let verdict = if problems.is_empty() { "ok  " } else { "FAIL" };
    say(format_args!("{verdict} {:<60} {} rows", result["case"].as_str().unwrap_or("?"), result["rows"]))?;
    for problem in problems {
        say(format_args!("     {problem}"))?;
    }
    Ok(problems.is_empty())
}
