//! The writer of exported files.

use std::path::Path;

use iopo_files::AtomicFile;
use serde::Serialize;

use super::container::{ArrayWriter, Container};
#[cfg(feature = "parquet")]
use super::parquet::ParquetWriter;
use super::record::{Record, fields};
use super::{ExportError, ExportFormat, Shape};
use crate::{DatasetRow, JsonlWriter, WriteError};

/// The options of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportOptions {
    /// How rows are laid out.
    pub format: ExportFormat,
    /// The shape that rows are taken for.
    pub shape: Shape,
    /// Whether the formats of other programs get the row's id as a further column.
    pub ids: bool,
    /// The `category` of evaluation rows that are made of other rows.
    pub category: String,
}

impl ExportOptions {
    /// Rows of a shape in a format, without ids, with the category "trace".
    pub fn new(format: ExportFormat, shape: Shape) -> Self {
        Self { format, shape, ids: false, category: "trace".to_owned() }
    }
}

/// Writes rows one at a time; the file appears, whole, when [`finish`](Self::finish) is called. The same rows give the
/// same bytes.
///
/// ```
/// use trace_schema::export::{ExportFormat, ExportOptions, ExportWriter, Shape};
/// use trace_schema::{Instruction, PreferencePair};
///
/// # let folder = std::env::temp_dir().join(format!("trace-schema-export-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// let path = folder.join("pairs.jsonl");
/// let pair = PreferencePair {
///     id: "colour".to_owned(),
///     instruction: Instruction { description: "Name a colour.".to_owned(), ..Instruction::default() },
///     chosen: "Red.".to_owned(),
///     rejected: "Tuesday.".to_owned(),
///     provenance: None,
/// };
/// let mut writer = ExportWriter::create(&path, ExportOptions::new(ExportFormat::Trl, Shape::Pair))?;
/// writer.write(pair.into())?;
/// assert_eq!(writer.finish()?, 1);
/// let line = r#"{"prompt": "Name a colour.\n", "chosen": "Red.", "rejected": "Tuesday."}"#;
/// assert_eq!(std::fs::read_to_string(&path)?.trim_end(), line);
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct ExportWriter {
    output: Output,
    options: ExportOptions,
    rows: u64,
}

#[derive(Debug)]
enum Output {
    Lines(JsonlWriter),
    Array(ArrayWriter),
    #[cfg(feature = "parquet")]
    Parquet(Box<ParquetWriter>),
}

impl ExportWriter {
    /// Starts a file that will stand at `path`, of the kind that the end of its name says.
    ///
    /// # Errors
    ///
    /// [`ExportError::Unsupported`] for a format without a form for the shape, [`ExportError::File`] for a kind of file
    /// that cannot be written, and [`ExportError::Write`] when the file cannot be created.
    pub fn create(path: impl AsRef<Path>, options: ExportOptions) -> Result<Self, ExportError> {
        Self::new(AtomicFile::create(path).map_err(WriteError::from)?, options)
    }

    /// Writes to a file that was started, by the owner of its place for instance.
    ///
    /// # Errors
    ///
    /// As [`ExportWriter::create`].
    pub fn new(file: AtomicFile, options: ExportOptions) -> Result<Self, ExportError> {
        let ExportOptions { format, shape, .. } = options;
        if !format.shapes().contains(&shape) {
            return Err(ExportError::Unsupported { format, shape });
        }
        let output = match Container::of(file.path())? {
            Container::Lines => Output::Lines(file.into()),
            Container::Array => Output::Array(ArrayWriter::new(file)),
            #[cfg(feature = "parquet")]
            Container::Parquet => Output::Parquet(Box::new(ParquetWriter::new(file, &options)?)),
            #[cfg(not(feature = "parquet"))]
            Container::Parquet => {
                return Err(ExportError::file(file.path(), "this program was built without Parquet"));
            }
        };
        Ok(Self { output, options, rows: 0 })
    }

    /// Writes the parts of `row` that have the shape: for a group that is taken for something else, two rows.
    ///
    /// # Errors
    ///
    /// [`ExportError::Row`] for a row that the format cannot express; [`ExportError::File`] and [`ExportError::Write`]
    /// when it does not fit the columns of a Parquet file or cannot be written.
    pub fn write(&mut self, row: DatasetRow) -> Result<(), ExportError> {
        for row in self.options.shape.take(row, &self.options.category)? {
            match (fields(self.options.format, &row), &row) {
                (Some(fields), _) => {
                    let id = if self.options.ids { row.id() } else { None };
                    self.output.write(&Record { id, fields })?;
                }
                (None, DatasetRow::Group(group)) => self.output.write(group)?,
                (None, DatasetRow::Pair(pair)) => self.output.write(pair)?,
                (None, DatasetRow::Completion(row)) => self.output.write(row)?,
                (None, DatasetRow::Eval(row)) => self.output.write(row)?,
            }
            self.rows += 1;
        }
        Ok(())
    }

    /// Puts the file in its place and returns the number of rows in it.
    ///
    /// # Errors
    ///
    /// [`ExportError::Write`] and, for Parquet, [`ExportError::File`].
    pub fn finish(self) -> Result<u64, ExportError> {
        match self.output {
            Output::Lines(writer) => {
                writer.finish()?;
            }
            Output::Array(writer) => writer.finish()?,
            #[cfg(feature = "parquet")]
            Output::Parquet(writer) => writer.finish()?,
        }
        Ok(self.rows)
    }
}

impl Output {
    fn write<T: Serialize>(&mut self, row: &T) -> Result<(), ExportError> {
        match self {
            Self::Lines(writer) => Ok(writer.write(row)?),
            Self::Array(writer) => Ok(writer.write(row)?),
            #[cfg(feature = "parquet")]
            Self::Parquet(writer) => writer.write(row),
        }
    }
}
