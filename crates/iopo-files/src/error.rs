use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// A file that cannot be written or locked.
#[derive(Debug, Error)]
#[error("cannot {action} {}", .path.display())]
#[non_exhaustive]
pub struct FileError {
    /// What was tried: `create`, `write`, `replace`, `open` or `lock`.
    pub action: &'static str,
    /// The file, never a temporary one beside it.
    pub path: PathBuf,
    /// What the system says.
    pub source: io::Error,
}

impl FileError {
    pub(crate) fn new(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self { action, path: path.to_owned(), source }
    }
}
