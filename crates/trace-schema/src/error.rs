//! Errors of names, rows and JSONL files.

use std::fmt;
use std::io;

use thiserror::Error;

use crate::excerpt;

/// A name that stands for no constraint type, constraint dimension or constraint operation.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("unknown {what} {name:?}{known}")]
pub struct NameError {
    what: &'static str,
    name: String,
    /// The end of the message: the names that exist, where they are few.
    known: &'static str,
}

impl NameError {
    pub(crate) fn new(what: &'static str, name: &str, known: &'static str) -> Self {
        Self { what, name: excerpt(name).into_owned(), known }
    }
}

/// A row that parses, but whose parts do not fit together.
///
/// Messages name the part as the file does: `x1.description`, `y2`, `chosen`.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the fields are named for what they hold")]
pub enum RowError {
    /// A label names none of the 26 dimensions; [`UnknownLabels::Keep`](crate::UnknownLabels::Keep) accepts it.
    #[error("unknown constraint dimension {:?} at {field}", excerpt(.label))]
    UnknownLabel { field: String, label: String },
    /// Anything else; the reason begins with the part of the row.
    #[error("{reason}")]
    Invalid { reason: String },
}

impl RowError {
    /// A row that is wrong for a reason that begins with the part of the row: "y1 is an empty response".
    pub fn invalid(reason: impl Into<String>) -> Self {
        Self::Invalid { reason: reason.into() }
    }
}

/// Where in a file an error is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowLocation {
    /// The file, as the caller named it.
    pub file: String,
    /// The line, counted from 1.
    pub row: u64,
    /// The row's own id, when it could be read.
    pub id: Option<String>,
}

impl fmt::Display for RowLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "row {} of {}", self.row, self.file)?;
        match &self.id {
            Some(id) => write!(f, " (id {:?})", excerpt(id)),
            None => Ok(()),
        }
    }
}

/// Errors of reading a JSONL file. Messages name the file, the row and, where it is known, its id.
#[derive(Debug, Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the fields are named for what they hold")]
pub enum JsonlError {
    /// The file cannot be opened.
    #[error("cannot open {file}")]
    Open { file: String, source: io::Error },
    /// Reading broke off in this row. No further row is read.
    #[error("{at}: cannot read on")]
    Read { at: RowLocation, source: io::Error },
    /// A line is not a row of the format: it is too long, not UTF-8, cut off, not JSON, or other JSON.
    #[error("{at}: {reason}")]
    Line { at: RowLocation, reason: String },
    /// A row parses, but its parts do not fit together.
    #[error("{at}: {source}")]
    Invalid { at: RowLocation, source: RowError },
    /// The first row has the keys of no format that this crate knows.
    #[error(
        "{at}: not a row of a known format: an evaluation row has \"constraints_splits\" and \"levels2\", \
         a preference group \"x1\" and \"x2\", a preference pair \"chosen\" and \"rejected\", a completion \"prompt\" and \
         \"completion\"; this row {found}"
    )]
    UnknownFormat { at: RowLocation, found: String },
    /// The file has no rows.
    #[error("{file} has no rows")]
    Empty { file: String },
}
