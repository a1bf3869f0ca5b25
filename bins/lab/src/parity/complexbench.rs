//! Recorded rules, extractions, answers, dependencies and statistics of ComplexBench's official code.

use std::path::Path;

use anyhow::Result;

use super::Report;

/// Replays `file` row by row; its layout is told by the keys of its first row.
pub fn run(file: &Path) -> Result<Report> {
    Ok(trace_replay::complexbench::replay(file)?.into())
}
