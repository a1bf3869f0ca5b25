//! One answer of a system: a row of what `trace-eval answer` writes and the judging commands read.

use serde::{Deserialize, Serialize};
use trace_schema::{Record, RowError, UnknownLabels};

/// An answer. IFEval's readers take the same rows, since these have Google's keys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct AnswerRow {
    /// The id of the prompt.
    pub(crate) id: String,
    /// The text of the last user message; what is judged must have been asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) prompt: Option<String>,
    /// The answer; null where there is none.
    #[serde(alias = "answer")]
    pub(crate) response: Option<String>,
    /// The model that was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) model: Option<String>,
    /// Why the answer ended, as the endpoint says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) finish_reason: Option<String>,
    /// Why there is no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) failed: Option<String>,
}

impl Record for AnswerRow {
    fn id(&self) -> Option<&str> {
        Some(&self.id)
    }

    fn validate(&self, _: UnknownLabels) -> Result<(), RowError> {
        match self.id.trim().is_empty() {
            true => Err(RowError::EmptyId),
            false => Ok(()),
        }
    }
}
