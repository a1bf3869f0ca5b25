//! Rows of a file, one at a time, whether it is JSONL or one JSON array.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error as _, SeqAccess, Visitor};
use serde_json::Value;
use trace_schema::{JsonlReader, RowLocation};

use super::DatasetError;

type Sink<'a> = &'a mut dyn FnMut(RowLocation, Value) -> Result<(), DatasetError>;

/// How the rows of a file stand one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// One JSON document per line.
    Lines,
    /// One JSON array of all rows.
    Array,
}

/// Tells the layout from the first character, whatever the file is called.
pub(super) fn layout(path: &Path) -> Result<Layout, DatasetError> {
    let unreadable = |source| DatasetError::Unreadable { path: path.to_owned(), source };
    let mut file = open(path)?;
    loop {
        let bytes = file.fill_buf().map_err(unreadable)?;
        let Some(first) = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) else {
            if bytes.is_empty() {
                return Err(DatasetError::Empty { path: path.to_owned() });
            }
            let blank = bytes.len();
            file.consume(blank);
            continue;
        };
        return Ok(if *first == b'[' { Layout::Array } else { Layout::Lines });
    }
}

/// Gives every row of a file to `sink`, and stops at the first error.
pub(super) fn for_each(path: &Path, layout: Layout, sink: Sink<'_>) -> Result<(), DatasetError> {
    match layout {
        Layout::Lines => for_each_line(path, sink),
        Layout::Array => for_each_element(path, sink),
    }
}

fn for_each_line(path: &Path, sink: Sink<'_>) -> Result<(), DatasetError> {
    for (index, row) in JsonlReader::<_, Value>::open(path)?.enumerate() {
        let row = row?;
        sink(location(path, index, &row), row)?;
    }
    Ok(())
}

fn for_each_element(path: &Path, sink: Sink<'_>) -> Result<(), DatasetError> {
    let mut refused = None;
    let mut count = 0;
    let elements = Elements { path, sink, refused: &mut refused, count: &mut count };
    let mut json = serde_json::Deserializer::from_reader(open(path)?);
    let parsed = elements.deserialize(&mut json).and_then(|()| json.end());
    match (refused, parsed) {
        (Some(error), _) => Err(error),
        (None, Err(source)) if source.is_io() => {
            Err(DatasetError::Unreadable { path: path.to_owned(), source: source.into() })
        }
        (None, Err(source)) => {
            Err(DatasetError::Syntax { origin: location(path, count, &Value::Null), source })
        }
        (None, Ok(())) => Ok(()),
    }
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

/// Hands over each element as soon as it is read, so that a large array is never held whole.
struct Elements<'a> {
    path: &'a Path,
    sink: Sink<'a>,
    /// The sink's error: serde's own would lose its type.
    refused: &'a mut Option<DatasetError>,
    count: &'a mut usize,
}

impl<'de> DeserializeSeed<'de> for Elements<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Elements<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an array of rows")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        while let Some(row) = elements.next_element::<Value>()? {
            if let Err(error) = (self.sink)(location(self.path, *self.count, &row), row) {
                *self.refused = Some(error);
                return Err(A::Error::custom("row refused"));
            }
            *self.count += 1;
        }
        Ok(())
    }
}
