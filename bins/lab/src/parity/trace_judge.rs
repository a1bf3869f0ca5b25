//! Recorded overall scores that TRACE's released script reads from judges' answers.

use std::path::Path;

use anyhow::Result;

use super::Report;

/// Replays `file` row by row.
pub fn run(file: &Path) -> Result<Report> {
    Ok(trace_replay::trace_judge::replay(file)?.into())
}
