//! Replaying recorded answers of the official evaluations.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

use super::official::official_overall_score;

/// Why a recording cannot be replayed at all.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// The file cannot be read as UTF-8 text.
    #[error("cannot read {}", .file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A row is not JSON.
    #[error("row {row} of {}: not valid JSON", .file.display())]
    Syntax {
        /// The file.
        file: PathBuf,
        /// The row, counted from 1.
        row: usize,
        /// What the JSON parser says.
        source: serde_json::Error,
    },
    /// A row is not of the layout that the first row has.
    #[error("row {row} of {}: not a row of this layout", .file.display())]
    Shape {
        /// The file.
        file: PathBuf,
        /// The row, counted from 1.
        row: usize,
        /// What the JSON parser says.
        source: serde_json::Error,
    },
    /// The first row is of no known layout.
    #[error("{}: the first row has the keys of no known layout; known are {known}", .file.display())]
    UnknownLayout {
        /// The file.
        file: PathBuf,
        /// The layouts, by the keys that tell them.
        known: &'static str,
    },
    /// The file has no rows.
    #[error("{} has no rows", .file.display())]
    Empty {
        /// The file.
        file: PathBuf,
    },
    /// A recording of statistics lacks the file of rows that they are about.
    #[error("{}: found no recorded rows of the layout {layout} beside it", .file.display())]
    MissingRows {
        /// The file with the statistics.
        file: PathBuf,
        /// The layout that is needed.
        layout: &'static str,
    },
}

/// A row whose recorded answer is not ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disagreement {
    /// The row, counted from 1.
    pub row: usize,
    /// What was recorded, and what came out.
    pub what: String,
}

/// The outcome of a replay.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReplayReport {
    /// The layout of the recording.
    pub layout: &'static str,
    /// The number of rows.
    pub rows: usize,
    /// The rows that disagree, in order.
    pub disagreements: Vec<Disagreement>,
}

impl ReplayReport {
    /// The number of rows that agree.
    pub fn agreeing(&self) -> usize {
        self.rows - self.disagreements.len()
    }

    /// Whether there was a row, and every row agrees.
    pub fn passed(&self) -> bool {
        self.rows > 0 && self.disagreements.is_empty()
    }

    pub(crate) fn new(layout: &'static str) -> Self {
        Self { layout, ..Self::default() }
    }

    /// Counts a row, which disagrees where the texts or values differ.
    pub(crate) fn compare<T: PartialEq + fmt::Debug>(&mut self, recorded: &T, ours: &T) {
        self.rows += 1;
        if recorded != ours {
            let what = format!("recorded {recorded:?}, ours {ours:?}");
            self.disagreements.push(Disagreement { row: self.rows, what });
        }
    }
}

impl fmt::Display for ReplayReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Disagreement { row, what } in &self.disagreements {
            writeln!(f, "row {row}: {what}")?;
        }
        write!(f, "{}: {} of {} rows agree", self.layout, self.agreeing(), self.rows)
    }
}

/// The rows of a recording, a JSON array or one document per line.
pub(crate) struct Recording {
    pub file: PathBuf,
    pub rows: Vec<Value>,
}

impl Recording {
    pub fn read(file: &Path) -> Result<Self, ReplayError> {
        let file = file.to_owned();
        let text = match fs::read_to_string(&file) {
            Ok(text) => text,
            Err(source) => return Err(ReplayError::Read { file, source }),
        };
        let parsed = match text.trim_start().starts_with('[') {
            true => serde_json::from_str(&text).map_err(|source| (source.line(), source)),
            false => {
                let line = |(index, line)| serde_json::from_str(line).map_err(|source| (index + 1, source));
                text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).map(line).collect()
            }
        };
        match parsed {
            Ok(rows) if Vec::is_empty(&rows) => Err(ReplayError::Empty { file }),
            Ok(rows) => Ok(Self { file, rows }),
            Err((row, source)) => Err(ReplayError::Syntax { file, row, source }),
        }
    }

    /// Whether the first row has all of these keys.
    pub fn has(&self, keys: &[&str]) -> bool {
        self.rows.first().is_some_and(|row| keys.iter().all(|key| row.get(key).is_some()))
    }

    /// The rows in the shape of `T`.
    pub fn parse<T: for<'de> Deserialize<'de>>(&self) -> Result<Vec<T>, ReplayError> {
        let parse = |(index, row)| {
            T::deserialize(row).map_err(|source| ReplayError::Shape {
                file: self.file.clone(),
                row: index + 1,
                source,
            })
        };
        self.rows.iter().enumerate().map(parse).collect()
    }

    pub fn unknown_layout(&self, known: &'static str) -> ReplayError {
        ReplayError::UnknownLayout { file: self.file.clone(), known }
    }
}

#[derive(Deserialize)]
struct JudgeRow {
    judge_output: String,
    score: Option<f64>,
}

/// Replays recorded overall scores, rows of `{"judge_output", "score"}`, through
/// [`official_overall_score`](super::official_overall_score).
///
/// # Errors
///
/// A file that cannot be read, or rows of another layout. Rows that disagree are no error but in the report.
pub fn replay(file: &Path) -> Result<ReplayReport, ReplayError> {
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
