//! The configuration as written: a YAML file with LLaMA-Factory's keys, and `key=value` after it.

mod error;
mod foreign;
mod reader;
mod table;
mod tables;
mod values;

use std::path::Path;

use iopo_files::{fill_references, parse_yaml, parse_yaml_map, read_text};
use serde_json::{Map, Value};

pub use error::{ArgsError, Problem};
use reader::Reader;
pub use table::TrainArgs;
pub(crate) use values::{Decoding, Interval, Resume, Tuning};

/// More than any configuration holds, and little enough to read even if the path names another file.
const MAX_BYTES: u64 = 1 << 20;

/// A key that is accepted and means something else here, or nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The key.
    pub key: String,
    /// What happens instead.
    pub text: String,
}

impl TrainArgs {
    /// Reads a YAML file, and `key=value` overrides after it.
    ///
    /// # Errors
    /// A file that cannot be read or is not YAML, an override that is not `key=value`; or all
    /// unknown keys, wrong types and references that cannot be filled in at once.
    pub fn from_file(path: &Path, overrides: &[String]) -> Result<Self, ArgsError> {
        let read = |source| ArgsError::Read { path: path.to_owned(), source };
        Self::from_yaml(&read_text(path, MAX_BYTES).map_err(read)?, path, overrides)
    }

    /// Reads YAML text; `path` names it in messages. `${...}` is filled in from the text, the overrides and the
    /// environment.
    ///
    /// # Errors
    /// As [`Self::from_file`].
    pub fn from_yaml(text: &str, path: &Path, overrides: &[String]) -> Result<Self, ArgsError> {
        let mut map = parse_yaml_map(text).map_err(|reason| {
            let reason = format!("{} is not valid YAML: {reason}", path.display());
            ArgsError::Malformed { reason }
        })?;
        for text in overrides {
            let (key, value) = parse_override(text)?;
            map.insert(key, value);
        }
        Self::from_map(map, path.display().to_string())
    }

    fn from_map(mut map: Map<String, Value>, origin: String) -> Result<Self, ArgsError> {
        let unfilled = fill_references(&mut map, |name| std::env::var(name).ok()).err().unwrap_or_default();
        // Their values would only be called wrong a second time.
        map.retain(|key, _| !unfilled.iter().any(|problem| problem.key == *key));
        let mut reader = Reader::new(map);
        let mut args = Self::read(&mut reader);
        let mut problems: Vec<Problem> = unfilled.into_iter().map(Problem::from).collect();
        problems.extend(reader.finish());
        if !problems.is_empty() {
            problems.append(&mut args.invalid);
            return Err(ArgsError::Invalid { origin, problems });
        }
        args.origin = origin;
        Ok(args)
    }
}

#[cfg(test)]
impl TrainArgs {
    /// Every key that is read, without those that are ignored or refused.
    fn known_keys() -> Vec<&'static str> {
        Self::sections().into_iter().flat_map(|section| section.keys).map(|key| key.name).collect()
    }
}

fn parse_override(text: &str) -> Result<(String, Value), ArgsError> {
    let malformed =
        || ArgsError::Malformed { reason: format!("override `{text}` is not of the form key=value") };
    let (key, value) = text.split_once('=').ok_or_else(malformed)?;
    let key = key.trim();
    if key.is_empty() {
        return Err(malformed());
    }
    match parse_yaml(value) {
        Ok(value) => Ok((key.to_owned(), value)),
        Err(error) => {
            let reason = format!(
                "the value of override `{text}` is not valid YAML ({error}); put it in quotes if it is a text"
            );
            Err(ArgsError::Malformed { reason })
        }
    }
}

#[cfg(test)]
mod tests;
