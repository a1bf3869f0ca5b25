//! Rows of a file.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::marker::PhantomData;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::error::Category;

use super::lines::Line;
use super::{LineReader, foreign_text, parse_json};
use crate::{JsonlError, Record, RowLocation, UnknownLabels, shorten, values};

/// Reads and checks the rows of a JSONL file one at a time.
///
/// An iterator of results. After an error in one row it goes on with the next, so that a caller may count bad rows or
/// stop at the first; after an error of the underlying reader it ends.
///
/// * A byte order mark at the start of a line and `\r\n` line ends are accepted.
/// * Blank lines are skipped; rows are numbered by their lines.
/// * What Python's `json` module writes beyond JSON is read as [`parse_json`](crate::parse_json) reads it.
/// * A file that is something else, such as Parquet, CSV or a Git LFS pointer, is an error that says so.
/// * A line longer than [`DEFAULT_MAX_LINE_BYTES`](crate::DEFAULT_MAX_LINE_BYTES) is an error and is never held in
///   memory; see [`max_line_bytes`](Self::max_line_bytes).
/// * Labels that name no dimension are errors; see [`unknown_labels`](Self::unknown_labels).
///
/// ```
/// use trace_schema::{JsonlReader, PreferencePair};
///
/// let file = r#"{"id": "a", "instruction": {"description": "Name a colour."}, "chosen": "Red.", "rejected": ""}"#;
/// let mut rows = JsonlReader::<_, PreferencePair>::new(file.as_bytes(), "pairs.jsonl");
/// let error = rows.next().unwrap().unwrap_err();
/// assert_eq!(error.to_string(), r#"row 1 of pairs.jsonl (id "a"): rejected is an empty response"#);
/// ```
#[derive(Debug)]
pub struct JsonlReader<R, T> {
    lines: LineReader<R>,
    unknown_labels: UnknownLabels,
    rows: PhantomData<fn() -> T>,
}

impl<T> JsonlReader<BufReader<File>, T> {
    /// Opens a file.
    ///
    /// # Errors
    ///
    /// [`JsonlError::Open`] when the file cannot be opened.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, JsonlError> {
        LineReader::open(path.as_ref()).map(Self::from_lines)
    }
}

impl<R: BufRead, T> JsonlReader<R, T> {
    /// Reads from `reader`; `file` is the name that errors show.
    pub fn new(reader: R, file: impl Into<String>) -> Self {
        Self::from_lines(LineReader::new(reader, file.into()))
    }

    fn from_lines(lines: LineReader<R>) -> Self {
        Self { lines, unknown_labels: UnknownLabels::default(), rows: PhantomData }
    }

    /// Says what to do with labels that name no dimension. The default is [`UnknownLabels::Error`].
    #[must_use]
    pub fn unknown_labels(mut self, policy: UnknownLabels) -> Self {
        self.unknown_labels = policy;
        self
    }

    /// The line of the row that was read last, counted from 1; 0 before the first.
    pub fn row(&self) -> u64 {
        self.lines.row
    }

    /// Sets the longest line that is accepted, in bytes.
    #[must_use]
    pub fn max_line_bytes(mut self, limit: usize) -> Self {
        self.lines.max_line_bytes = limit;
        self
    }
}

impl<R: BufRead, T: DeserializeOwned + Record> Iterator for JsonlReader<R, T> {
    type Item = Result<T, JsonlError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.lines.next_line() {
            Ok(Some(line)) => Some(parse_line(&line, self.unknown_labels)),
            Ok(None) => None,
            Err(error) => Some(Err(error)),
        }
    }
}

/// Turns one line into a checked row.
pub(crate) fn parse_line<T: DeserializeOwned + Record>(
    line: &Line<'_>,
    unknown_labels: UnknownLabels,
) -> Result<T, JsonlError> {
    let at = |id| RowLocation { file: line.file.to_owned(), row: line.row, id };
    let row: T = match parse_json(line.text) {
        Ok(row) => row,
        Err(error) => {
            let (id, reason) = match error.classify() {
                Category::Eof if !line.terminated => {
                    let cut = "the file ends in the middle of this row; was it cut off while it was written or copied?";
                    (None, cut.to_owned())
                }
                Category::Data => {
                    (id_of(line.text), format!("not a row of this format: {}", what_is_wrong(line, &error)))
                }
                Category::Eof | Category::Syntax | Category::Io => {
                    (None, format!("not valid JSON: {}", what_is_wrong(line, &error)))
                }
            };
            return Err(JsonlError::Line { at: at(id), reason });
        }
    };
    match row.validate(unknown_labels) {
        Ok(()) => Ok(row),
        Err(source) => Err(JsonlError::Invalid { at: at(row.id().map(str::to_owned)), source }),
    }
}

fn what_is_wrong(line: &Line<'_>, error: &serde_json::Error) -> String {
    if line.text.trim_start().starts_with('[') {
        return "it looks like one JSON array; write its rows as JSONL, each on a line of its own".to_owned();
    }
    match foreign_text(line.text) {
        Some(kind) => format!("it looks like {kind}"),
        None => in_line(error),
    }
}

/// The parser's message with the column alone: its line is always 1 and would be taken for that of the file.
fn in_line(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let what = match message.strip_suffix(&place) {
        Some(what) => format!("{what} at column {}", error.column()),
        None => message,
    };
    match error.is_eof() || what.starts_with("trailing characters") {
        true => format!("{what}; a row must stand on a line of its own"),
        false => shorten(&what).into_owned(),
    }
}

/// The id of a row whose other parts may be anything.
fn id_of(text: &str) -> Option<String> {
    values::id_of(&parse_json::<Value>(text).ok()?)
}
