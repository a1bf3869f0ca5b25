//! Files whose format is detected from their first row.

use std::fmt;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use crate::jsonl::{Line, LineReader, parse_line};
use crate::{
    CompletionRow, EvalRow, Instruction, JsonlError, PreferenceGroup, PreferencePair, Record, RowLocation,
    UnknownLabels, excerpt,
};

/// The formats of this crate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DatasetFormat {
    /// [`EvalRow`]s.
    EvalRow,
    /// [`PreferenceGroup`]s.
    PreferenceGroup,
    /// [`PreferencePair`]s.
    PreferencePair,
    /// [`CompletionRow`]s.
    Completion,
}

impl DatasetFormat {
    /// Detects the format of a row from its keys.
    pub fn detect(row: &Value) -> Option<Self> {
        let has = |keys: [&str; 2]| keys.iter().all(|key| row.get(key).is_some());
        if has(["constraints_splits", "levels2"]) {
            Some(Self::EvalRow)
        } else if has(["x1", "x2"]) {
            Some(Self::PreferenceGroup)
        } else if has(["chosen", "rejected"]) {
            Some(Self::PreferencePair)
        } else if has(["prompt", "completion"]) {
            Some(Self::Completion)
        } else {
            None
        }
    }
}

impl fmt::Display for DatasetFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::EvalRow => "evaluation rows",
            Self::PreferenceGroup => "preference groups",
            Self::PreferencePair => "preference pairs",
            Self::Completion => "completions",
        })
    }
}

/// A row of any of the formats.
#[derive(Debug, Clone, PartialEq)]
pub enum DatasetRow {
    /// An evaluation row.
    Eval(Box<EvalRow>),
    /// A preference group.
    Group(Box<PreferenceGroup>),
    /// A preference pair.
    Pair(Box<PreferencePair>),
    /// A prompt and its response.
    Completion(Box<CompletionRow>),
}

impl DatasetRow {
    /// The format that the row is of.
    pub const fn format(&self) -> DatasetFormat {
        match self {
            Self::Eval(_) => DatasetFormat::EvalRow,
            Self::Group(_) => DatasetFormat::PreferenceGroup,
            Self::Pair(_) => DatasetFormat::PreferencePair,
            Self::Completion(_) => DatasetFormat::Completion,
        }
    }

    /// The row's own id; a completion may have none.
    pub fn id(&self) -> Option<&str> {
        match self {
            Self::Eval(row) => Some(&row.id),
            Self::Group(group) => Some(&group.id),
            Self::Pair(pair) => Some(&pair.id),
            Self::Completion(row) => row.id.as_deref(),
        }
    }

    /// The instructions of the row: two for a group, none for a completion, whose prompt is one text.
    pub fn instructions(&self) -> Vec<Instruction> {
        match self {
            Self::Eval(row) => vec![row.instruction()],
            Self::Group(group) => vec![group.x1.clone(), group.x2.clone()],
            Self::Pair(pair) => vec![pair.instruction.clone()],
            Self::Completion(_) => Vec::new(),
        }
    }

    /// The rendered instructions.
    pub fn prompts(&self) -> Vec<String> {
        match self {
            Self::Eval(row) => vec![row.prompt()],
            Self::Group(group) => vec![group.x1.prompt(), group.x2.prompt()],
            Self::Pair(pair) => vec![pair.instruction.prompt()],
            Self::Completion(row) => vec![row.prompt.clone()],
        }
    }

    /// The responses of the row, the better one of a pair first.
    pub fn responses(&self) -> Vec<&str> {
        match self {
            Self::Eval(_) => Vec::new(),
            Self::Group(group) => vec![&group.y1, &group.y2],
            Self::Pair(pair) => vec![&pair.chosen, &pair.rejected],
            Self::Completion(row) => vec![&row.completion],
        }
    }
}

impl From<EvalRow> for DatasetRow {
    fn from(row: EvalRow) -> Self {
        Self::Eval(Box::new(row))
    }
}

impl From<PreferenceGroup> for DatasetRow {
    fn from(row: PreferenceGroup) -> Self {
        Self::Group(Box::new(row))
    }
}

impl From<PreferencePair> for DatasetRow {
    fn from(row: PreferencePair) -> Self {
        Self::Pair(Box::new(row))
    }
}

impl From<CompletionRow> for DatasetRow {
    fn from(row: CompletionRow) -> Self {
        Self::Completion(Box::new(row))
    }
}

/// Reads a file in any of the formats; the first row says which, and every other row must be of the same.
///
/// In every other respect it is a [`JsonlReader`](crate::JsonlReader).
#[derive(Debug)]
pub struct DatasetReader<R> {
    lines: LineReader<R>,
    unknown_labels: UnknownLabels,
    format: Option<DatasetFormat>,
}

impl DatasetReader<BufReader<File>> {
    /// Opens a file.
    ///
    /// # Errors
    ///
    /// [`JsonlError::Open`] when the file cannot be opened.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, JsonlError> {
        LineReader::open(path.as_ref()).map(Self::from_lines)
    }
}

impl<R: BufRead> DatasetReader<R> {
    /// Reads from `reader`; `file` is the name that errors show.
    pub fn new(reader: R, file: impl Into<String>) -> Self {
        Self::from_lines(LineReader::new(reader, file.into()))
    }

    fn from_lines(lines: LineReader<R>) -> Self {
        Self { lines, unknown_labels: UnknownLabels::default(), format: None }
    }

    /// Says what to do with labels that name no dimension. The default is [`UnknownLabels::Error`].
    #[must_use]
    pub fn unknown_labels(mut self, policy: UnknownLabels) -> Self {
        self.unknown_labels = policy;
        self
    }

    /// The name of the file, as the caller gave it.
    pub fn file(&self) -> &str {
        &self.lines.file
    }

    /// The line of the row that was read last, counted from 1; 0 before the first.
    pub fn row(&self) -> u64 {
        self.lines.row
    }

    /// The format, once the first row has been read.
    pub fn format(&self) -> Option<DatasetFormat> {
        self.format
    }
}

impl<R: BufRead> Iterator for DatasetReader<R> {
    type Item = Result<DatasetRow, JsonlError>;

    fn next(&mut self) -> Option<Self::Item> {
        let line = match self.lines.next_line() {
            Ok(Some(line)) => line,
            Ok(None) => return None,
            Err(error) => return Some(Err(error)),
        };
        let format = match self.format {
            Some(format) => format,
            None => match format_of(&line) {
                Ok(format) => *self.format.insert(format),
                Err(error) => return Some(Err(error)),
            },
        };
        let labels = self.unknown_labels;
        Some(match format {
            DatasetFormat::EvalRow => parse_line(&line, labels).map(DatasetRow::Eval),
            DatasetFormat::PreferenceGroup => parse_line(&line, labels).map(DatasetRow::Group),
            DatasetFormat::PreferencePair => parse_line(&line, labels).map(DatasetRow::Pair),
            DatasetFormat::Completion => parse_line(&line, labels).map(DatasetRow::Completion),
        })
    }
}

/// The most keys of a row that an error names.
const SHOWN_KEYS: usize = 20;

/// The format of the first row.
fn format_of(line: &Line<'_>) -> Result<DatasetFormat, JsonlError> {
    let row: Value = parse_line(line, UnknownLabels::Keep)?;
    DatasetFormat::detect(&row).ok_or_else(|| {
        let found = match row.as_object() {
            Some(object) => {
                let keys = object.keys().take(SHOWN_KEYS).map(|key| format!("{:?}", excerpt(key)));
                format!("has {}", keys.collect::<Vec<_>>().join(", "))
            }
            None if row.is_array() => {
                "is a list: where the file is one JSON array, write its rows as JSONL, each on a line"
                    .to_owned()
            }
            None => "is not an object".to_owned(),
        };
        let id = row.id().map(str::to_owned);
        JsonlError::UnknownFormat { at: RowLocation { file: line.file.to_owned(), row: line.row, id }, found }
    })
}
