//! Rows of a file, one at a time, whether it is JSONL or one JSON array.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::iter;
use std::path::Path;

use iopo_files::open_text;
use serde_json::Value;
use trace_schema::{DistinctKeys, JsonlReader, RowLocation, values};

use super::DatasetError;
use super::array::{ArrayElements, ArrayError};

/// How the rows of a file stand one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// One JSON document per line.
    Lines,
    /// One JSON array of all rows.
    Array,
}

/// The layout by the first character; the file's name does not matter.
pub(super) fn layout(path: &Path) -> Result<Layout, DatasetError> {
    let unreadable = |source| DatasetError::Unreadable { path: path.to_owned(), source };
    let mut file = open(path)?;
    loop {
        let bytes = file.fill_buf().map_err(unreadable)?;
        let Some(first) = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) else {
            if bytes.is_empty() {
                return Err(super::no_rows(path));
            }
            let blank = bytes.len();
            file.consume(blank);
            continue;
        };
        return Ok(if *first == b'[' { Layout::Array } else { Layout::Lines });
    }
}

/// A row as JSON, and where it stands.
pub(super) type Row = Result<(RowLocation, Value), DatasetError>;

/// The rows of a file that has one JSON document per line.
pub(super) fn lines(path: &Path) -> Result<impl Iterator<Item = Row> + Send + use<>, DatasetError> {
    let path = path.to_owned();
    let mut rows = JsonlReader::<_, DistinctKeys>::open(&path)?;
    Ok(iter::from_fn(move || {
        let row = rows.next()?;
        Some(
            row.map(|DistinctKeys(row)| (location(&path, rows.row(), &row), row)).map_err(DatasetError::from),
        )
    }))
}

/// The rows of a file that is one JSON array.
pub(super) fn elements(path: &Path) -> Result<impl Iterator<Item = Row> + Send + use<>, DatasetError> {
    let path = path.to_owned();
    let mut elements = ArrayElements::new(open(&path)?);
    let mut number = 0;
    Ok(iter::from_fn(move || {
        number += 1;
        let row = elements.next_element().transpose()?;
        Some(row.map(|row| (location(&path, number, &row), row)).map_err(|error| {
            let (reason, source) = match error {
                ArrayError::Read(source) => {
                    return DatasetError::Unreadable { path: path.clone(), source };
                }
                ArrayError::Syntax(source) => match elements.foreign_text() {
                    Some(kind) => (format!("not valid JSON: {kind}"), None),
                    None => ("not valid JSON".to_owned(), Some(source)),
                },
                ArrayError::TooLong { limit } => {
                    (format!("longer than {limit} bytes: a string or bracket that is never closed?"), None)
                }
            };
            DatasetError::Syntax { origin: location(&path, number, &Value::Null), reason, source }
        }))
    }))
}

fn open(path: &Path) -> Result<BufReader<File>, DatasetError> {
    open_text(path).map_err(|source| DatasetError::Unreadable { path: path.to_owned(), source })
}

pub(super) fn location(path: &Path, row: u64, value: &Value) -> RowLocation {
    RowLocation { file: path.display().to_string(), row, id: values::id_of(value) }
}
