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
    /// A JSON array is broken; the source has line and column.
    #[error("{origin}: not valid JSON")]
    Syntax { origin: RowLocation, source: serde_json::Error },
    /// A row that does not fit the format of its file.
    #[error("{origin}: {reason}")]
    Row { origin: RowLocation, reason: String },
}

impl DatasetError {
    pub(super) fn invalid(reason: String) -> Self {
        Self::Invalid { reason, source: None }
    }
}
