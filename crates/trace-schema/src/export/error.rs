//! What can go wrong while rows are exported.

use std::path::PathBuf;

use thiserror::Error;

use super::{ExportFormat, Shape};
use crate::{RowError, WriteError};

/// What can go wrong while rows are exported.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The format has no form for rows of this shape.
    #[error("the format {format} has no form for {shape}; it has one for {}", list(.format.shapes()))]
    Unsupported {
        /// The format.
        format: ExportFormat,
        /// The shape.
        shape: Shape,
    },
    /// A row holds less than what it is to be taken for.
    #[error("the row with the id {id:?} is one of {found}, which hold no {needed}")]
    TooLittle {
        /// The id of the row; empty where it has none.
        id: String,
        /// What the row is.
        found: Shape,
        /// What it is to be taken for.
        needed: Shape,
    },
    /// A row cannot be expressed.
    #[error("the row with the id {id:?}: {source}")]
    Row {
        /// The id of the row.
        id: String,
        /// What is in the way.
        source: RowError,
    },
    /// The name of the file does not say what kind of file it is to be.
    #[error("{} ends in none of .jsonl, .json and .parquet", .path.display())]
    UnknownExtension {
        /// The file.
        path: PathBuf,
    },
    /// Parquet is asked for, and the crate was built without its feature `parquet`.
    #[error("{}: this program was built without Parquet", .path.display())]
    WithoutParquet {
        /// The file.
        path: PathBuf,
    },
    /// A row does not fit the columns of a Parquet file.
    #[error("row {row} of {} does not fit its columns: {problem}", .path.display())]
    Columns {
        /// The file.
        path: PathBuf,
        /// The row, counted from 1.
        row: u64,
        /// What does not fit.
        problem: String,
    },
    /// The Parquet library refuses.
    #[error("cannot write {} as Parquet", .path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// What the library says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The file cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
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
