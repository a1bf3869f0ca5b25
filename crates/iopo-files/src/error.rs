use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// A file that cannot be written or locked.
#[derive(Debug, Error)]
#[error("cannot {action} {}", .path.display())]
#[non_exhaustive]
pub struct FileError {
    /// The action that failed: `create`, `write`, `replace`, `open` or `lock`.
    pub action: &'static str,
    /// The file, never a temporary one beside it.
    pub path: PathBuf,
    /// The system's error.
    pub source: io::Error,
}

impl FileError {
    pub(crate) fn new(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self { action, path: path.to_owned(), source }
    }
}
