//! What the reader needs to know of a row.

use crate::{RowError, UnknownLabels};

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
        true => Err(RowError::EmptyResponse { field: field.to_owned() }),
        false => Ok(()),
    }
}

/// Checks that an id says something.
pub(crate) fn check_id(id: &str) -> Result<(), RowError> {
    match id.trim().is_empty() {
        true => Err(RowError::EmptyId),
        false => Ok(()),
    }
}
