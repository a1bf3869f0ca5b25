//! Rows of a file, one at a time, whether it is JSONL or one JSON array.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use serde_json::Value;
use trace_schema::{JsonlReader, RowLocation};

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
    let rows = JsonlReader::<_, Value>::open(&path)?.enumerate();
    Ok(rows.map(move |(index, row)| {
        let row = row?;
        Ok((location(&path, index, &row), row))
    }))
}

/// The rows of a file that is one JSON array.
pub(super) fn elements(path: &Path) -> Result<impl Iterator<Item = Row> + Send + use<>, DatasetError> {
    let path = path.to_owned();
    let mut elements = ArrayElements::new(open(&path)?);
    Ok((0..).map_while(move |index| {
        let row = elements.next_element().transpose()?;
        Some(row.map(|row| (location(&path, index, &row), row)).map_err(|error| match error {
            ArrayError::Read(source) => DatasetError::Unreadable { path: path.clone(), source },
            ArrayError::Syntax(source) => {
                DatasetError::Syntax { origin: location(&path, index, &Value::Null), source }
            }
            ArrayError::TooLong { limit } => {
                let reason = format!("longer than {limit} bytes: a string or bracket that is never closed?");
                DatasetError::Row { origin: location(&path, index, &Value::Null), reason }
            }
        }))
    }))
}

/// Opens a file, past its byte order mark.
fn open(path: &Path) -> Result<BufReader<File>, DatasetError> {
    const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";
    let unreadable = |source| DatasetError::Unreadable { path: path.to_owned(), source };
    let mut head = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    (&file).take(3).read_to_end(&mut head).map_err(unreadable)?;
    if head == BYTE_ORDER_MARK {
        return Ok(BufReader::new(file));
    }
    Ok(BufReader::new(File::open(path).map_err(unreadable)?))
}

pub(super) fn location(path: &Path, index: usize, row: &Value) -> RowLocation {
    let id = match row.get("id") {
        Some(Value::String(id)) => Some(id.clone()),
        Some(Value::Number(id)) => Some(id.to_string()),
        _ => None,
    };
    RowLocation { file: path.display().to_string(), row: index as u64 + 1, id }
}
