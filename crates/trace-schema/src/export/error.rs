//! Errors of exports.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use serde_json::Value;
use thiserror::Error;

use super::{ExportFormat, Shape};
use crate::{WriteError, excerpt};

/// Errors of exports.
#[derive(Debug, Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the fields are named for what they hold")]
pub enum ExportError {
    /// The format has no form for rows of this shape.
    #[error("the format {format} has no form for {shape}; it has one for {}", list(.format.shapes()))]
    Unsupported { format: ExportFormat, shape: Shape },
    /// In LLaMA-Factory's list, the name is that of a dataset in another file.
    #[error("{} has an entry {name:?} for another dataset: {}", .path.display(), excerpt(&.entry.to_string()))]
    NameTaken { path: PathBuf, name: String, entry: Value },
    /// A row cannot be expressed in the format.
    #[error("the row with the id {:?}: {reason}", excerpt(.id))]
    Row { id: String, reason: String },
    /// A file cannot be read or written in this form.
    #[error("{}: {reason}", .path.display())]
    File { path: PathBuf, reason: String },
    /// The file cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl ExportError {
    pub(super) fn file(path: &Path, reason: impl Display) -> Self {
        Self::File { path: path.to_owned(), reason: reason.to_string() }
    }
}

/// "pairs and completions".
fn list(shapes: &[Shape]) -> String {
    match shapes {
        [] => String::new(),
        [one] => one.to_string(),
        [first @ .., last] => {
            let first: Vec<String> = first.iter().map(Shape::to_string).collect();
            format!("{} and {last}", first.join(", "))
        }
    }
}
