//! The errors of reading instructions, checking responses and reading files.

use std::path::Path;

use thiserror::Error;
use trace_schema::{JsonlError, shorten};

use crate::python::{MAX_JSON_DEPTH, PatternError};

/// An instruction that cannot be checked as it stands.
///
/// The official program takes a random value for an argument that is missing or out of its range; here that is an error.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages name the fields")]
pub enum InstructionError {
    /// No kind has this id.
    #[error("unknown instruction {id:?}")]
    UnknownId { id: String },
    /// The kind has no such argument.
    #[error("{id}: unknown argument {key:?}")]
    UnknownArgument { id: &'static str, key: String },
    /// An argument is missing, null, of another type, or has a value without a meaning.
    #[error("{id}: the argument {key:?} {reason}")]
    Argument { id: &'static str, key: &'static str, reason: String },
    /// An argument that is a regular expression cannot be used as one.
    #[error("{id}: the argument {key:?}: {source}")]
    Pattern { id: &'static str, key: &'static str, source: PatternError },
}

/// A check without a verdict; the official program ends with an exception there.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages name the fields")]
pub enum CheckError {
    /// A search took too long.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// A JSON document is nested too deeply.
    #[error("the JSON document is nested deeper than {MAX_JSON_DEPTH} levels")]
    JsonDepth,
    /// The language detector failed.
    #[error("the language detector failed: {reason}")]
    Language { reason: String },
}

/// A file of prompts or responses that cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages name the fields")]
pub enum IfevalError {
    /// A line cannot be read.
    #[error(transparent)]
    Read(#[from] JsonlError),
    /// A prompt, or the response to it, is not as the benchmark's files are.
    #[error("{place}: {reason}")]
    Invalid { place: String, reason: String },
}

impl IfevalError {
    pub(super) fn of_key(key: u64, reason: impl Into<String>) -> Self {
        Self::Invalid { place: format!("key {key}"), reason: reason.into() }
    }

    /// With the row of a file in front of its place.
    pub(super) fn in_row(self, row: u64, file: &Path) -> Self {
        match self {
            Self::Invalid { place, reason } => {
                let (place, reason) =
                    (format!("row {row} of {}, {place}", file.display()), shorten(&reason).into_owned());
                Self::Invalid { place, reason }
            }
            read @ Self::Read(_) => read,
        }
    }
}
