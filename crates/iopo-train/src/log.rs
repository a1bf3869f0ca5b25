//! `trainer_log.jsonl`.

use std::path::Path;

use iopo_files::GrowingFile;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::error::TrainError;
use crate::files::OWNER;
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
    file: GrowingFile,
    entries: Vec<LogEntry>,
}

impl TrainLog {
    /// Starts `trainer_log.jsonl` in `dir` with the `entries` of the run that is resumed.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn start(dir: &Path, entries: Vec<LogEntry>) -> Result<Self, TrainError> {
        let text: String = entries.iter().map(|entry| format!("{}\n", json!(entry))).collect();
        let file = GrowingFile::start(OWNER, &dir.join(LOG), text.as_bytes())?;
        Ok(Self { file, entries })
    }

    /// Adds a line, in one write, so that a reader sees whole lines.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn push(&mut self, entry: LogEntry) -> Result<(), TrainError> {
        self.file.append(format!("{}\n", json!(entry)).as_bytes())?;
        self.entries.push(entry);
        Ok(())
    }

    /// All lines.
    #[must_use]
    pub fn entries(&self) -> &[LogEntry] {
        &self.entries
    }
}
