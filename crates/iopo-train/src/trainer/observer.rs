//! The events that a run reports.

use std::path::Path;
use std::time::Duration;

use crate::args::Notice;
use crate::log::LogEntry;
use crate::metrics::Metrics;
use crate::reference::ReferenceProgress;
use crate::step::StepOutcome;

use super::Selection;

/// Means over held-out rows, and metrics of the program's own.
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
    /// The result of the update.
    pub outcome: &'a StepOutcome,
    /// Time that the update took.
    pub elapsed: Duration,
}

/// How far an evaluator has come with a model's answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnswerProgress {
    /// Whether the reference answers, and not the policy.
    pub is_reference: bool,
    /// Answers so far.
    pub done: usize,
    /// Answers in all.
    pub total: usize,
}

/// Follows a run; by default every event is ignored.
pub trait Observer {
    /// An update was made.
    fn on_step(&mut self, _progress: &Progress<'_>) {}
    /// Reference log-probs were found or computed.
    fn on_reference(&mut self, _progress: &ReferenceProgress<'_>) {}
    /// An evaluator has answered prompts.
    fn on_answering(&mut self, _progress: &AnswerProgress) {}
    /// An evaluator has written answers to a file.
    fn on_answers(&mut self, _file: &Path) {}
    /// Something happened that the user should know of.
    fn on_notice(&mut self, _notice: &Notice) {}
    /// A line was logged.
    fn on_log(&mut self, _entry: &LogEntry) {}
    /// A checkpoint was written.
    fn on_save(&mut self, _dir: &Path) {}
    /// Training continues from a checkpoint.
    fn on_resume(&mut self, _step: usize, _dir: &Path) {}
}

/// Ignores every event.
impl Observer for () {}

/// The result of a finished run.
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
