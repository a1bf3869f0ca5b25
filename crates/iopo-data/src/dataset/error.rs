use std::path::PathBuf;

use trace_schema::{JsonlError, RowError, RowLocation};

/// A dataset that cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatasetError {
    /// Neither a name of `dataset_info.json` nor a file.
    #[error("no dataset \"{name}\": it is neither a file nor a name in {} (which has {known})", info.display())]
    Unknown {
        /// What was asked for.
        name: String,
        /// The `dataset_info.json` looked in.
        info: PathBuf,
        /// The names that it has.
        known: String,
    },
    /// A file cannot be opened or read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// `dataset_info.json` is not valid JSON, or not an object.
    #[error("{} is malformed", path.display())]
    InfoMalformed {
        /// The file.
        path: PathBuf,
        /// What the parser said.
        source: serde_json::Error,
    },
    /// One entry of `dataset_info.json` has a key or a value that means nothing.
    #[error("entry \"{name}\" of {} is malformed", path.display())]
    EntryMalformed {
        /// The file.
        path: PathBuf,
        /// The entry.
        name: String,
        /// What the parser said.
        source: serde_json::Error,
    },
    /// An entry asks for something that this crate does not read.
    #[error("entry \"{name}\" of {} has \"{key}\", which is not supported: {instead}", path.display())]
    Unsupported {
        /// The file.
        path: PathBuf,
        /// The entry.
        name: String,
        /// The key.
        key: &'static str,
        /// What to do instead.
        instead: &'static str,
    },
    /// The first row has the keys of no known format.
    #[error(
        "row 1 of {} is of no known format: it has {keys}; known are x1 y1 x2 y2 | instruction chosen rejected | conversations | messages | prompt chosen rejected | prompt completion | instruction output",
        path.display()
    )]
    UnknownFormat {
        /// The file.
        path: PathBuf,
        /// The keys of the row.
        keys: String,
    },
    /// The file holds no rows.
    #[error("{} has no rows", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// A JSONL file, or a row of it, is broken.
    #[error(transparent)]
    Jsonl(#[from] JsonlError),
    /// A JSON array is broken.
    #[error("{origin}: not valid JSON")]
    Syntax {
        /// The first row that could not be read.
        origin: RowLocation,
        /// What the parser said, with line and column.
        source: serde_json::Error,
    },
    /// An element of a JSON array does not end.
    #[error("{origin}: longer than {limit} bytes: a string or bracket that is never closed?")]
    RowTooLong {
        /// Where the row is.
        origin: RowLocation,
        /// The longest row that is accepted, in bytes.
        limit: usize,
    },
    /// A row is JSON, and not a row of this format.
    #[error("{origin}: {source}")]
    Row {
        /// Where the row is.
        origin: RowLocation,
        /// What is wrong with it.
        source: FieldError,
    },
}

/// What is wrong with one row.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FieldError {
    /// The row is not a mapping.
    #[error("the row is {found}, not an object")]
    NotAnObject {
        /// The JSON type found.
        found: &'static str,
    },
    /// A key is missing.
    #[error("\"{field}\" is missing")]
    Missing {
        /// The key.
        field: String,
    },
    /// A value has another type.
    #[error("\"{field}\" is {found}, not {expected}")]
    WrongType {
        /// The key.
        field: String,
        /// What it has to be.
        expected: &'static str,
        /// The JSON type found.
        found: &'static str,
    },
    /// There is nothing to learn from an empty response.
    #[error("\"{field}\" is an empty response")]
    EmptyResponse {
        /// The key.
        field: String,
    },
    /// There is nothing to answer.
    #[error("\"{field}\" is an empty prompt")]
    EmptyPrompt {
        /// The key.
        field: String,
    },
    /// A message is from nobody known.
    #[error("\"{field}\" is \"{role}\": known roles are system, user (human) and assistant (gpt)")]
    UnknownRole {
        /// The key.
        field: String,
        /// The role found.
        role: String,
    },
    /// Messages are not in an order that makes an example.
    #[error("\"{field}\" {problem}")]
    Turns {
        /// The key.
        field: String,
        /// What the order has to be.
        problem: &'static str,
    },
    /// A row of this project's own format is broken.
    #[error("not a row of this format: {source}")]
    Shape {
        /// What the parser said.
        source: serde_json::Error,
    },
    /// A row of this project's own format contradicts itself.
    #[error(transparent)]
    Invalid(#[from] RowError),
}
