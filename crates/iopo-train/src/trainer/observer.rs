//! What a run tells whoever watches it.

use std::path::Path;
use std::time::Duration;

use crate::args::Notice;
use crate::log::LogEntry;
use crate::metrics::Metrics;
use crate::reference::ReferenceProgress;
use crate::step::StepOutcome;
use crate::verified::AnswerProgress;

use super::Selection;

/// Means over held-out rows.
pub type Evaluation = Metrics;

/// Where a run stands, for a progress bar.
#[derive(Debug, Clone)]
pub struct Progress<'a> {
    /// Updates made.
    pub step: usize,
    /// Updates in all.
    pub total_steps: usize,
    /// Epochs seen.
    pub epoch: f64,
    /// Learning rate of the update.
    pub learning_rate: f64,
    /// What the update gave.
    pub outcome: &'a StepOutcome,
    /// Time that the update took.
    pub elapsed: Duration,
}

/// Told of what happens; every method may be left as it is.
pub trait Observer {
    /// An update was made.
    fn on_step(&mut self, _progress: &Progress<'_>) {}
    /// Reference log-probs were found or computed.
    fn on_reference(&mut self, _progress: &ReferenceProgress<'_>) {}
    /// Prompts were answered at an evaluation.
    fn on_answering(&mut self, _progress: &AnswerProgress) {}
    /// Answers of an evaluation were written to a file.
    fn on_answers(&mut self, _file: &Path) {}
    /// Something happened that the user should know of.
    fn on_notice(&mut self, _notice: &Notice) {}
    /// A line was logged.
    fn on_log(&mut self, _entry: &LogEntry) {}
    /// A checkpoint was written.
    fn on_save(&mut self, _dir: &Path) {}
    /// Training goes on from a checkpoint.
    fn on_resume(&mut self, _step: usize, _dir: &Path) {}
}

/// An observer that does not look.
impl Observer for () {}

/// What a finished run gave.
#[derive(Debug, Clone)]
pub struct TrainSummary {
    /// Updates made.
    pub steps: usize,
    /// Every log line.
    pub log: Vec<LogEntry>,
    /// The evaluation after the last update, where there was one.
    pub evaluation: Option<Evaluation>,
    /// Which model was the best, where one was chosen.
    pub selection: Selection,
}
