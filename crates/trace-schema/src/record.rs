//! What rows of every format have: a check of their own, and where they come from.

use serde::{Deserialize, Serialize};

use crate::{RowError, UnknownLabels, values};

/// A row of a JSONL file that [`JsonlReader`](crate::JsonlReader) can read and check.
pub trait Record {
    /// The row's own id, for messages.
    fn id(&self) -> Option<&str> {
        None
    }

    /// Checks what the JSON types alone cannot: that the parts of the row fit together.
    ///
    /// # Errors
    ///
    /// The first [`RowError`] found. Unknown labels are one only under [`UnknownLabels::Error`].
    fn validate(&self, unknown_labels: UnknownLabels) -> Result<(), RowError> {
        let _ = unknown_labels;
        Ok(())
    }
}

/// Any JSON value, for files of other formats.
impl Record for serde_json::Value {
    fn id(&self) -> Option<&str> {
        self.get("id").and_then(Self::as_str)
    }
}

impl<T: Record> Record for Box<T> {
    fn id(&self) -> Option<&str> {
        T::id(self)
    }

    fn validate(&self, unknown_labels: UnknownLabels) -> Result<(), RowError> {
        T::validate(self, unknown_labels)
    }
}

/// Checks that a response says something.
pub(crate) fn check_response(field: &str, response: &str) -> Result<(), RowError> {
    match response.trim().is_empty() {
        true => Err(RowError::invalid(format!("{field} is an empty response"))),
        false => Ok(()),
    }
}

/// Checks that an id says something.
pub(crate) fn check_id(id: &str) -> Result<(), RowError> {
    match id.trim().is_empty() {
        true => Err(RowError::invalid("the id is empty")),
        false => Ok(()),
    }
}

/// How a row was made, so that it can be traced and reproduced. Every part is optional.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// The data set or procedure that the row comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The id of the row there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_id: Option<String>,
    /// The model that wrote the responses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generator_model: Option<String>,
    /// A hash of the prompts that were sent to that model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_hash: Option<String>,
    /// The seed of the random choices behind the row.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "values::optional_whole")]
    pub seed: Option<u64>,
    /// How many times the row was tried until it passed its checks.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "values::optional_whole")]
    pub attempts: Option<u32>,
    /// The tokens of all prompts behind the row, as the endpoints counted them.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "values::optional_whole")]
    pub prompt_tokens: Option<u64>,
    /// The tokens of all answers behind the row.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "values::optional_whole")]
    pub completion_tokens: Option<u64>,
    /// The reasoning behind the responses, where it was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<Reasoning>,
}

/// The reasoning that a model wrote before the responses of a row.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reasoning {
    /// Before y₁, which is also the chosen response of a pair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response: Option<String>,
    /// Before the rejected response of a pair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worse_response: Option<String>,
    /// Before y₂.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second_response: Option<String>,
}
