//! A prompt and its response, as supervised fine-tuning takes them.

use serde::{Deserialize, Serialize};

use crate::record::{check_id, check_response};
use crate::{Provenance, Record, RowError, UnknownLabels};

/// One rendered instruction with the response to learn.
///
/// The keys are those of TRL's prompt-completion format, so such a file is read by other programs as it is. Unlike the
/// other rows it has lost what its instruction consisted of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompletionRow {
    /// Unique within the file, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The rendered instruction.
    pub prompt: String,
    /// The response to it.
    pub completion: String,
    /// How the row was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provenance: Option<Provenance>,
}

impl Record for CompletionRow {
    fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    fn validate(&self, _: UnknownLabels) -> Result<(), RowError> {
        self.id.as_deref().map_or(Ok(()), check_id)?;
        if self.prompt.trim().is_empty() {
            return Err(RowError::EmptyDescription { field: "prompt".to_owned() });
        }
        check_response("completion", &self.completion)
    }
}
