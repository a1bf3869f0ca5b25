//! The users' own copies of benchmarks: JSON arrays of items.

use std::collections::HashSet;
use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};

use iopo_files::whole_number;
use serde::de::DeserializeOwned;
use serde_json::Value;
use thiserror::Error;

/// A copy of a benchmark, or a file of responses to it, that cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages name the fields")]
pub enum DataError {
    /// A file cannot be read as UTF-8 text.
    #[error("cannot read {}; pass the path of your own copy", .path.display())]
    File { path: PathBuf, source: std::io::Error },
    /// A file, or a part of it, is not as the benchmark's files are.
    #[error("{place}: {reason}")]
    Invalid { place: String, reason: String },
}

impl DataError {
    pub(crate) fn invalid(place: impl Into<String>, reason: impl Display) -> Self {
        Self::Invalid { place: place.into(), reason: reason.to_string() }
    }
}

pub(crate) fn read_text(path: &Path) -> Result<String, DataError> {
    fs::read_to_string(path).map_err(|source| DataError::File { path: path.to_owned(), source })
}

/// Reads an array of items, each with a number of its own under `id_key`; `check` says what is wrong with one.
pub(crate) fn read_items<T: DeserializeOwned>(
    path: &Path,
    id_key: &str,
    check: impl Fn(&T) -> Result<(), String>,
) -> Result<Vec<T>, DataError> {
    let rows: Vec<Value> = serde_json::from_str(&read_text(path)?).map_err(|source| {
        DataError::invalid(path.display().to_string(), format!("not a JSON array of items: {source}"))
    })?;
    let mut seen = HashSet::new();
    let read = |(index, row): (usize, Value)| {
        let id = row.get(id_key).and_then(whole_number);
        let named = id.map_or_else(String::new, |id| format!(" ({id_key} {id})"));
        let invalid =
            |reason| DataError::invalid(format!("item {index} of {}{named}", path.display()), reason);
        let item: T = serde_json::from_value(row).map_err(|source| invalid(source.to_string()))?;
        check(&item).map_err(invalid)?;
        match seen.insert(id) {
            true => Ok(item),
            false => Err(invalid(format!("an earlier item has the same {id_key}"))),
        }
    };
    rows.into_iter().enumerate().map(read).collect()
}
