//! Exported rows, loaded with Hugging Face datasets and pyarrow.

use std::fs;
use std::path::Path;

use anyhow::{Result, ensure};
use iopo_cli::say;
use serde_json::{Value, json};
use trace_schema::DatasetReader;
use trace_schema::export::{ExportFormat, ExportOptions, ExportWriter, Shape};

use super::compare;
use crate::golden::root;

/// Writes every format, shape and kind of file, and has Python load them and compare the rows.
///
/// # Errors
/// Files that cannot be written, and a Python program that fails.
pub(super) fn run() -> Result<bool> {
    compare(&["datasets", "pyarrow"], "datasets_interop.py", write_cases, print_result)
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

/// Prints one line.
fn print_result(result: &Value) -> Result<bool> {
    let passed = result["problems"].as_array().is_none_or(Vec::is_empty);
    let verdict = if passed { "ok  " } else { "FAIL" };
    say(format_args!("{verdict} {:<60} {} rows", result["case"].as_str().unwrap_or("?"), result["rows"]))?;
    Ok(passed)
}
