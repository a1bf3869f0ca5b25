//! Errors that end a run, and reasons why a step gives no row.

use std::fmt::Display;
use std::path::PathBuf;

use chat_client::AskError;
use thiserror::Error;
use trace_schema::{JsonlError, WriteError};
use trace_score::trace::TemplateError;

use super::stage::{Reason, Stage};
use crate::similarity::SimilarityError;

/// A run that cannot go on. Rows that fail are rejected and are not errors.
#[derive(Debug, Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the fields are named for what they hold")]
pub enum PipelineError {
    /// The configuration is wrong, for all of these reasons.
    #[error("the configuration is wrong: {}", .problems.join("; "))]
    Config { problems: Vec<String> },
    /// A file or folder cannot be read or created.
    #[error("cannot use {}", .path.display())]
    File { path: PathBuf, source: std::io::Error },
    /// A seed or a prompt is wrong.
    #[error("{place}: {reason}")]
    Invalid { place: String, reason: String },
    /// No further question can be asked: the journal failed, for instance.
    #[error("question {tag:?} cannot be asked")]
    Ask { tag: String, source: Box<AskError> },
    /// A file of the results cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// An evaluation set to compare with cannot be read.
    #[error(transparent)]
    Evaluation(#[from] JsonlError),
    /// A prompt for judging is wrong.
    #[error(transparent)]
    Judging(#[from] TemplateError),
    /// The threshold of similarity is out of range.
    #[error(transparent)]
    Similarity(#[from] SimilarityError),
    /// A task of the runtime was cancelled.
    #[error("the work on a row was cancelled")]
    Task(#[from] tokio::task::JoinError),
    /// The summary cannot be written as JSON.
    #[error("the summary cannot be written as JSON")]
    Encode(#[from] serde_json::Error),
}

impl PipelineError {
    pub(super) fn invalid(place: impl Display, reason: impl Into<String>) -> Self {
        Self::Invalid { place: place.to_string(), reason: reason.into() }
    }
}

/// The reason why a step has no result.
#[derive(Debug)]
pub(super) enum StepError {
    /// The row is not kept.
    Rejected(Fault),
    /// The run cannot go on. Boxed, since it is large and rare.
    Broken(Box<PipelineError>),
}

/// Why a row is rejected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub stage: Stage,
    pub reason: Reason,
    pub detail: Option<String>,
}

impl Fault {
    pub fn new(stage: Stage, reason: Reason, detail: impl Into<String>) -> Self {
        let detail: String = detail.into();
        Self { stage, reason, detail: Some(detail).filter(|detail| !detail.is_empty()) }
    }
}

impl StepError {
    pub fn reject(stage: Stage, reason: Reason, detail: impl Into<String>) -> Self {
        Self::Rejected(Fault::new(stage, reason, detail))
    }

    /// Whether another attempt may do better.
    pub fn is_worth_another_attempt(&self) -> bool {
        matches!(self, Self::Rejected(fault) if !fault.reason.is_open())
    }
}

impl From<Fault> for StepError {
    fn from(fault: Fault) -> Self {
        Self::Rejected(fault)
    }
}

impl From<PipelineError> for StepError {
    fn from(error: PipelineError) -> Self {
        Self::Broken(Box::new(error))
    }
}
