//! Why a question has no answer.

use std::sync::Arc;

use thiserror::Error;

use crate::chat::Failure;
use crate::error::ChatError;
use crate::journal::JournalError;
use crate::rejection::Rejection;

/// A question without an answer.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum AskError {
    /// It was asked in vain; the journal has the reason, and the next run asks again.
    #[error(transparent)]
    Failed(#[from] Failure),
    /// It will have no answer. Only a client that [keeps rejections](crate::JournaledClient::keeping_rejections) says
    /// so, whether the question was asked now or in an earlier run.
    #[error("{reason}")]
    Rejected {
        /// Why, in one word.
        rejection: Rejection,
        /// Why, in the words of model or endpoint.
        reason: String,
        /// Whether that was known before it was asked.
        from_journal: bool,
    },
    /// It is none, and was not asked.
    #[error(transparent)]
    Invalid(ChatError),
    /// It was not asked, because the questions before it took what was allowed.
    #[error("not asked: the cap of {limit} {unit} is reached with {spent}")]
    CapReached {
        /// What is counted.
        unit: &'static str,
        /// What is allowed.
        limit: f64,
        /// What was taken.
        spent: f64,
    },
    /// It was not asked, because a [`StopSignal`](crate::StopSignal) was given.
    #[error("not asked: the run was told to stop")]
    Stopped,
    /// The journal failed. No further question is asked, since its answer could not be kept.
    #[error("the journal failed")]
    Journal {
        /// How.
        source: Arc<JournalError>,
    },
    /// The responder panicked.
    #[error("the responder panicked: {message}")]
    Panicked {
        /// Its words.
        message: String,
    },
    /// Asynchronous functions were called outside a tokio runtime.
    #[error("questions are asked on a tokio runtime, and there is none here")]
    NoRuntime,
    /// Blocking functions were called on a tokio runtime.
    #[error("a blocking call on an asynchronous runtime would stop that runtime; use JournaledClient there")]
    InsideRuntime,
}

impl AskError {
    /// Whether it is certain that the question was never asked.
    pub fn is_unasked(&self) -> bool {
        matches!(self, Self::Invalid(_) | Self::CapReached { .. } | Self::Stopped | Self::InsideRuntime)
    }
}

impl From<JournalError> for AskError {
    fn from(error: JournalError) -> Self {
        Self::Journal { source: Arc::new(error) }
    }
}
