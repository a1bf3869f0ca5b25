//! The errors of reading a JSONL file.

use std::fmt;
use std::io;
use std::str::Utf8Error;

use thiserror::Error;

use crate::RowError;

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
            Some(id) => write!(f, " (id {id:?})"),
            None => Ok(()),
        }
    }
}

/// What can go wrong while a JSONL file is read.
///
/// The message names file, row and, where it is known, the row's id. Where a message already tells its cause, the
/// cause is still there as [`source`](std::error::Error::source).
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum JsonlError {
    /// The file cannot be opened.
    #[error("cannot open {file}")]
    Open {
        /// The file, as the caller named it.
        file: String,
        /// What the system says.
        source: io::Error,
    },
    /// Reading broke off.
    #[error("{at}: cannot read on")]
    Read {
        /// The row that was being read.
        at: RowLocation,
        /// What the system says.
        source: io::Error,
    },
    /// A line is longer than the reader accepts.
    #[error("{at}: the line is longer than {limit} bytes; is this a JSONL file, with one document per line?")]
    LineTooLong {
        /// The row.
        at: RowLocation,
        /// The longest line that is accepted, in bytes.
        limit: usize,
    },
    /// A line is not UTF-8.
    #[error("{at}: not UTF-8 after byte {} of the line; save the file as UTF-8", .source.valid_up_to())]
    InvalidUtf8 {
        /// The row.
        at: RowLocation,
        /// Which bytes.
        source: Utf8Error,
    },
    /// A line before the last row is blank.
    #[error("{at}: the line is blank, but rows follow it")]
    BlankLine {
        /// The blank line.
        at: RowLocation,
    },
    /// The last line has no end, neither of the document nor of the line.
    #[error("{at}: the file ends in the middle of this row; was it cut off while it was written or copied?")]
    Truncated {
        /// The last row.
        at: RowLocation,
        /// What the JSON parser says.
        source: serde_json::Error,
    },
    /// A line is not JSON.
    #[error("{at}: not valid JSON: {}", reason(.source))]
    Syntax {
        /// The row.
        at: RowLocation,
        /// What the JSON parser says.
        source: serde_json::Error,
    },
    /// A line is JSON, but not a row of the format that is being read.
    #[error("{at}: not a row of this format: {}", reason(.source))]
    Shape {
        /// The row.
        at: RowLocation,
        /// What the JSON parser says.
        source: serde_json::Error,
    },
    /// A row parses, but its parts do not fit together.
    #[error("{at}: {source}")]
    Invalid {
        /// The row.
        at: RowLocation,
        /// What is wrong with it.
        source: RowError,
    },
    /// The first row has the keys of no format that this crate knows.
    #[error(
        "{at}: not a row of a known format: an evaluation row has \"constraints_splits\" and \"levels2\", \
         a preference group \"x1\" and \"x2\", a preference pair \"chosen\" and \"rejected\", a completion \"prompt\" and \
         \"completion\"; this row {found}"
    )]
    UnknownFormat {
        /// The first row.
        at: RowLocation,
        /// What the row is or has instead.
        found: String,
    },
    /// The file has no rows.
    #[error("{file} has no rows")]
    Empty {
        /// The file, as the caller named it.
        file: String,
    },
}

/// The parser's message with the column alone: its line is always 1 and would be taken for that of the file.
fn reason(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let what = match message.strip_suffix(&place) {
        Some(what) => format!("{what} at column {}", error.column()),
        None => message,
    };
    match error.is_eof() {
        true => format!("{what}; a row must stand on one line"),
        false => what,
    }
}
