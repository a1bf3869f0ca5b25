//! Kinds of files, and the writer of JSON arrays.

use std::path::Path;

use iopo_files::AtomicFile;
use serde::Serialize;

use super::ExportError;
use crate::{WriteError, to_json_line};

/// What kind of file rows are written to; the end of its name says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Container {
    /// `.jsonl`: one row on each line.
    Lines,
    /// `.json`: one array, with a row on each line.
    Array,
    /// `.parquet`.
    Parquet,
}

impl Container {
    /// Finds the kind by the name of a file.
    ///
    /// # Errors
    ///
    /// [`ExportError::File`] for another ending.
    pub fn of(path: &Path) -> Result<Self, ExportError> {
        match path.extension().and_then(|end| end.to_str()) {
            Some("jsonl") => Ok(Self::Lines),
            Some("json") => Ok(Self::Array),
            Some("parquet") => Ok(Self::Parquet),
            _ => Err(ExportError::file(path, "the name ends in none of .jsonl, .json and .parquet")),
        }
    }
}

/// Writes one JSON array row by row.
#[derive(Debug)]
pub(super) struct ArrayWriter {
    file: AtomicFile,
    rows: u64,
}

impl ArrayWriter {
    pub(super) fn new(file: AtomicFile) -> Self {
        Self { file, rows: 0 }
    }

    pub(super) fn write<T: Serialize>(&mut self, row: &T) -> Result<(), WriteError> {
        self.rows += 1;
        let encode =
            |source| WriteError::Encode { path: self.file.path().to_owned(), row: self.rows, source };
        let line = to_json_line(row).map_err(encode)?;
        self.file.append(if self.rows == 1 { "[\n" } else { ",\n" })?;
        Ok(self.file.append(line)?)
    }

    pub(super) fn finish(mut self) -> Result<(), WriteError> {
        self.file.append(if self.rows == 0 { "[]\n" } else { "\n]\n" })?;
        Ok(self.file.finish()?)
    }
}
