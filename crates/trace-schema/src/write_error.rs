use std::path::PathBuf;

use iopo_files::FileError;
use thiserror::Error;

/// Rows that cannot be written.
#[derive(Debug, Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum WriteError {
    /// The file cannot be made, written or put in its place.
    #[error(transparent)]
    File(#[from] FileError),
    /// A row, counted from 1, has no JSON form.
    #[error("row {row} of {} cannot be written as JSON", .path.display())]
    Encode { path: PathBuf, row: u64, source: serde_json::Error },
}
