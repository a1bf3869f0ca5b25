//! `trainer_log.jsonl`.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use iopo_files::write_file;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::error::TrainError;
use crate::metrics::Metrics;
use crate::output::LOG;

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogEntry {
    /// Updates made.
    pub step: usize,
    /// Updates in all.
    pub total_steps: usize,
    /// Epochs seen.
    pub epoch: f64,
    /// Everything else by name: `loss`, `learning_rate`, `rewards/...`, or the same with `eval_`.
    #[serde(flatten)]
    pub values: Map<String, Value>,
}

impl LogEntry {
    /// A line with the means of `metrics`, each name after `prefix`.
    #[must_use]
    pub fn new(step: usize, total_steps: usize, epoch: f64, prefix: &str, metrics: &Metrics) -> Self {
        let values = metrics.iter().map(|(name, mean)| (format!("{prefix}{name}"), json!(mean))).collect();
        Self { step, total_steps, epoch, values }
    }

    /// A number of this line.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<f64> {
        self.values.get(name).and_then(Value::as_f64)
    }
}

/// The log so far, in memory and on disk.
#[derive(Debug)]
pub struct TrainLog {
    path: PathBuf,
    file: File,
    entries: Vec<LogEntry>,
}

impl TrainLog {
    /// Starts `trainer_log.jsonl` in `dir` with the `entries` of the run that is resumed.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn start(dir: &Path, entries: Vec<LogEntry>) -> Result<Self, TrainError> {
        let path = dir.join(LOG);
        let text: String = entries.iter().map(|entry| format!("{}\n", json!(entry))).collect();
        write_file(&path, text)?;
        let file = OpenOptions::new()
            .append(true)
            .open(&path)
            .map_err(|source| TrainError::Write { path: path.clone(), source })?;
        Ok(Self { path, file, entries })
    }

    /// Adds a line, in one write, so that a reader sees whole lines.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn push(&mut self, entry: LogEntry) -> Result<(), TrainError> {
        self.file
            .write_all(format!("{}\n", json!(entry)).as_bytes())
            .map_err(|source| TrainError::Write { path: self.path.clone(), source })?;
        self.entries.push(entry);
        Ok(())
    }

    /// All lines.
    #[must_use]
    pub fn entries(&self) -> &[LogEntry] {
        &self.entries
    }
}
