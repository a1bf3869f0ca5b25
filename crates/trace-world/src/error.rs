//! Errors of tasks and samplers.

use thiserror::Error;
use trace_schema::RowError;

use crate::dataset::MAX_ROWS;

/// A task that has no meaning, or a request that the world cannot meet.
#[derive(Debug, Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the fields are named for what they hold")]
pub enum WorldError {
    /// The parts of a task contradict each other or are outside the world.
    #[error("{reason}")]
    Task { reason: String },
    /// A sampler, a distribution or a configuration from which nothing can be sampled.
    #[error("nothing can be sampled: {reason}")]
    Sampler { reason: String },
    /// More rows than a data set may have.
    #[error("{part}: {wanted} rows are asked for, and there can be {MAX_ROWS} at most")]
    TooManyRows { part: &'static str, wanted: usize },
    /// Too few rows passed their checks.
    #[error("{part}: only {made} of {wanted} rows were made in {attempts} attempts")]
    TooFewRows { part: &'static str, made: usize, wanted: usize, attempts: u64 },
    /// An evaluation row whose task is missing, unreadable or not that of its prompt.
    #[error("evaluation row {id:?} {reason}")]
    EvalRow { id: String, reason: String },
    /// A task cannot be written as JSON.
    #[error("a task cannot be written as JSON")]
    Encode(#[from] serde_json::Error),
    /// A row of the schema is invalid.
    #[error(transparent)]
    Row(#[from] RowError),
}

impl WorldError {
    pub(crate) fn task(reason: impl Into<String>) -> Self {
        Self::Task { reason: reason.into() }
    }

    pub(crate) fn sampler(reason: impl Into<String>) -> Self {
        Self::Sampler { reason: reason.into() }
    }
}
