//! Every way in which a configuration can be wrong.

use std::path::PathBuf;

use thiserror::Error;

/// One thing that is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Problem {
    /// A key that nobody knows.
    #[error("unknown key `{key}`{}", suggestion.as_ref().map(|s| format!("; did you mean `{s}`?")).unwrap_or_default())]
    UnknownKey {
        /// The key.
        key: String,
        /// The nearest known one.
        suggestion: Option<String>,
    },
    /// A key of LLaMA-Factory that changes results and is not implemented.
    #[error("`{key}: {value}` is not supported: {reason}")]
    Unsupported {
        /// The key.
        key: String,
        /// Its value.
        value: String,
        /// Why, or what to do.
        reason: String,
    },
    /// A value of another type.
    #[error("`{key}` should be {expected}, found {found}")]
    WrongType {
        /// The key.
        key: &'static str,
        /// What it should be.
        expected: &'static str,
        /// What was written.
        found: String,
    },
    /// A number outside its range.
    #[error("`{key}` is {value}, which is not {range}")]
    OutOfRange {
        /// The key.
        key: &'static str,
        /// The value.
        value: String,
        /// What is allowed.
        range: &'static str,
    },
    /// A name that is none of the known ones.
    #[error("`{key}: {value}` is none of {known}")]
    UnknownName {
        /// The key.
        key: &'static str,
        /// The value.
        value: String,
        /// The known names.
        known: String,
    },
    /// A key that has no default.
    #[error("`{key}` is missing")]
    Missing {
        /// The key.
        key: &'static str,
    },
    /// Two keys that exclude each other.
    #[error("{reason}")]
    Conflict {
        /// What excludes what.
        reason: String,
    },
}

/// A configuration that cannot be run; all problems at once.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ArgsError {
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not YAML.
    #[error("{} is not valid YAML: {reason}", path.display())]
    Yaml {
        /// The file.
        path: PathBuf,
        /// Where and why.
        reason: String,
    },
    /// The file is larger than any configuration.
    #[error("{} is larger than {limit} bytes; is it a configuration?", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// How much is read.
        limit: u64,
    },
    /// An override is not of the form `key=value`.
    #[error("override `{text}` is not of the form key=value")]
    Override {
        /// What was written.
        text: String,
    },
    /// The value of an override is not YAML.
    #[error("the value of override `{text}` is not valid YAML ({reason}); put it in quotes if it is a text")]
    OverrideValue {
        /// What was written.
        text: String,
        /// Where and why.
        reason: String,
    },
    /// The configuration was read, and is wrong.
    #[error("{}: {} in the configuration:{}", origin, count(problems.len()), bullets(problems))]
    Invalid {
        /// Where it came from.
        origin: String,
        /// Everything that is wrong.
        problems: Vec<Problem>,
    },
}

fn count(problems: usize) -> String {
    if problems == 1 { "1 problem".to_owned() } else { format!("{problems} problems") }
}

fn bullets(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("\n  - {problem}")).collect()
}
