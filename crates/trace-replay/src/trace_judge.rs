//! Overall scores that TRACE's released script reads from judges' answers.

use std::path::Path;

use anyhow::Result;
use serde::Deserialize;
use trace_score::trace::official_overall_score;

use crate::recording::{Recording, ReplayReport};

#[derive(Deserialize)]
struct JudgeRow {
    judge_output: String,
    score: Option<f64>,
}

/// Replays rows of `{"judge_output", "score"}`.
///
/// # Errors
///
/// A file that cannot be read, or rows of another layout.
pub fn replay(file: &Path) -> Result<ReplayReport> {
    let recording = Recording::read(file)?;
    if !recording.has(&["judge_output"]) {
        return Err(recording.unknown_layout("judge_output"));
    }
    let mut report = ReplayReport::new("trace judge answers");
    for row in recording.parse::<JudgeRow>()? {
        report.compare(&row.score, &official_overall_score(&row.judge_output));
    }
    Ok(report)
}
