//! Errors of configurations.

use std::path::PathBuf;

use iopo_files::{Unfilled, short};
use thiserror::Error;

/// One thing that is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "fields are keys, values and what is allowed")]
pub enum Problem {
    /// An unknown key, and the nearest known one.
    #[error("unknown key `{key}`{}", suggestion.as_ref().map(|s| format!("; did you mean `{s}`?")).unwrap_or_default())]
    UnknownKey { key: String, suggestion: Option<String> },
    /// A key of LLaMA-Factory that changes results and is not implemented.
    #[error("`{key}: {value}` is not supported: {reason}")]
    Unsupported { key: String, value: String, reason: String },
    /// A value of another type.
    #[error("`{key}` should be {expected}, found {found}")]
    WrongType { key: &'static str, expected: &'static str, found: String },
    /// A number outside its range.
    #[error("`{key}` is {value}, which is not {range}")]
    OutOfRange { key: &'static str, value: String, range: &'static str },
    /// An unknown name.
    #[error("`{key}: {value}` is not one of {known}")]
    UnknownName { key: &'static str, value: String, known: String },
    /// A key that has no default.
    #[error("`{key}` is missing")]
    Missing { key: &'static str },
    /// A value with a `${...}` that cannot be filled in.
    #[error("`{key}` {reason}")]
    Unfilled { key: String, reason: String },
    /// Two keys that exclude each other.
    #[error("{reason}")]
    Conflict { reason: String },
}

impl From<Unfilled> for Problem {
    fn from(Unfilled { key, reason }: Unfilled) -> Self {
        Self::Unfilled { key: short(&key).into_owned(), reason }
    }
}

/// A configuration that cannot be run; all problems at once.
#[derive(Debug, Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "fields are places, reasons and sources")]
pub enum ArgsError {
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    /// The file is not YAML, or an override is not `key=value`.
    #[error("{reason}")]
    Malformed { reason: String },
    /// The configuration was read, and is wrong.
    #[error("{}: {} in the configuration:{}", origin, count(problems.len()), bullets(problems))]
    Invalid { origin: String, problems: Vec<Problem> },
}

fn count(problems: usize) -> String {
    if problems == 1 { "1 problem".to_owned() } else { format!("{problems} problems") }
}

fn bullets(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("\n  - {problem}")).collect()
}
