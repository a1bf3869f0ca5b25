//! Rows of a recording, and the outcome of their replay.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, ensure};
use serde::Deserialize;
use serde_json::Value;

/// A row whose recorded answer is not ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disagreement {
    /// The row, counted from 1.
    pub row: usize,
    /// What was recorded, and what came out instead.
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
    pub(crate) file: PathBuf,
    rows: Vec<Value>,
}

impl Recording {
    pub(crate) fn read(file: &Path) -> Result<Self> {
        let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
        let not_json = |row: usize| format!("row {row} of {}: not valid JSON", file.display());
        let rows: Vec<Value> = match text.trim_start().starts_with('[') {
            true => serde_json::from_str(&text)
                .map_err(|source| (source.line(), source))
                .map_err(|(row, source)| anyhow!(source).context(not_json(row)))?,
            false => {
                let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
                let read = |(index, line)| serde_json::from_str(line).with_context(|| not_json(index + 1));
                lines.map(read).collect::<Result<_>>()?
            }
        };
        ensure!(!rows.is_empty(), "{} has no rows", file.display());
        Ok(Self { file: file.to_owned(), rows })
    }

    /// Whether the first row has all of these keys.
    pub(crate) fn has(&self, keys: &[&str]) -> bool {
        self.rows.first().is_some_and(|row| keys.iter().all(|key| row.get(key).is_some()))
    }

    /// The rows in the shape of `T`.
    pub(crate) fn parse<T: for<'de> Deserialize<'de>>(&self) -> Result<Vec<T>> {
        let parse = |(index, row)| {
            T::deserialize(row).with_context(|| {
                format!("row {} of {}: not a row of this layout", index + 1, self.file.display())
            })
        };
        self.rows.iter().enumerate().map(parse).collect()
    }

    pub(crate) fn unknown_layout(&self, known: &str) -> anyhow::Error {
        let file = self.file.display();
        anyhow!("{file}: the first row has the keys of no known layout; known are {known}")
    }
}
