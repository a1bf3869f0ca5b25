use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// A file or folder that cannot be written, replaced, removed, checked or locked.
#[derive(Debug, Error)]
#[error("cannot {action} {}", .path.display())]
#[non_exhaustive]
pub struct FileError {
    /// The action that failed, such as `create`, `write`, `replace`, `remove`, `open` or `lock`.
    pub action: &'static str,
    /// The file or folder, never a temporary one beside it.
    pub path: PathBuf,
    /// The system's error, or why this program refuses.
    pub source: io::Error,
}

impl FileError {
    pub(crate) fn new(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self { action, path: path.to_owned(), source }
    }
}
