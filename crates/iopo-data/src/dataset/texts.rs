//! The texts of a file without their roles: what a tokenizer learns from.

use std::path::Path;

use serde_json::Value;
use trace_schema::UnknownLabels;

use super::format::RowFormat;
use super::rows::{self, Layout};
use super::{DatasetError, fields, stream_file};
use crate::example::{ExampleText, TextExample};

/// The key of a row that is nothing but a text.
const TEXT: &str = "text";

/// The texts of a dataset file one at a time: prompts and responses, or rows of the form `{"text": ...}`.
///
/// Every format that [`stream_dataset`](crate::stream_dataset) reads is read; the first row identifies it.
///
/// # Errors
///
/// [`DatasetError`], naming the file, for errors before the first row. The texts themselves
/// are results, whose errors name file, row and field.
pub fn stream_texts(
    path: impl AsRef<Path>,
) -> Result<Box<dyn Iterator<Item = Result<String, DatasetError>> + Send>, DatasetError> {
    let path = path.as_ref();
    let layout = rows::layout(path)?;
    let rows: Box<dyn Iterator<Item = rows::Row> + Send> = match layout {
        Layout::Lines => Box::new(rows::lines(path)?),
        Layout::Array => Box::new(rows::elements(path)?),
    };
    let mut rows = rows.peekable();
    let plain = match rows.peek() {
        Some(Ok((_, Value::Object(row)))) => row.contains_key(TEXT) && RowFormat::detect(row).is_none(),
        _ => false,
    };
    if plain {
        return Ok(Box::new(rows.map(plain_text)));
    }
    // A tokenizer learns no labels, so unknown ones do not matter.
    let rows = stream_file(path, None, UnknownLabels::Keep)?;
    Ok(Box::new(rows.flat_map(|row| match row {
        Ok(row) => texts_of(row).into_iter().map(Ok).collect(),
        Err(error) => vec![Err(error)],
    })))
}

fn plain_text(row: rows::Row) -> Result<String, DatasetError> {
    let (origin, value) = row?;
    let read = || -> Result<String, String> {
        let row = fields::as_row(value)?;
        Ok(fields::text(fields::required(&row, TEXT)?, TEXT)?.to_owned())
    };
    read().map_err(|reason| DatasetError::Row { origin, reason })
}

/// Prompts first, then responses.
fn texts_of(row: TextExample) -> Vec<String> {
    let (prompts, responses) = match row.text {
        ExampleText::Completion { prompt, response } => (prompt, vec![response]),
        ExampleText::Pair { prompt, chosen, rejected } => (prompt, vec![chosen, rejected]),
        ExampleText::Group { x1, y1, x2, y2 } => ([x1, x2].concat(), vec![y1, y2]),
    };
    prompts.into_iter().map(|message| message.content).chain(responses).collect()
}
