use std::path::PathBuf;

use trace_schema::{JsonlError, RowLocation};

/// A dataset that cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "fields are places, reasons and sources")]
pub enum DatasetError {
    /// A name, an entry of `dataset_info.json`, or a file that cannot be used.
    #[error("{reason}")]
    Invalid { reason: String, source: Option<serde_json::Error> },
    /// A file that cannot be opened or read.
    #[error("cannot read {}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    /// A JSONL file, or a row of it, is broken.
    #[error(transparent)]
    Jsonl(#[from] JsonlError),
    /// A JSON array is broken, and no further row of it is read; a source has line and column.
    #[error("{origin}: {reason}")]
    Syntax { origin: RowLocation, reason: String, source: Option<serde_json::Error> },
    /// A row that does not fit the format of its file.
    #[error("{origin}: {reason}")]
    Row { origin: RowLocation, reason: String },
}

impl DatasetError {
    /// Whether the error is that of one row, after which the next row can be read.
    pub fn is_of_a_row(&self) -> bool {
        matches!(self, Self::Row { .. } | Self::Jsonl(JsonlError::Line { .. } | JsonlError::Invalid { .. }))
    }

    pub(super) fn invalid(reason: String) -> Self {
        Self::Invalid { reason, source: None }
    }
}
