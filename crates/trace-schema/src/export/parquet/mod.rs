//! Parquet files, with nested columns.
//!
//! Columns have the names and the nesting of the JSON keys. The library's own layer over Arrow arrays would cut rows
//! into columns for us, but takes four times as long to compile as its core, and rows of text need little of it.

mod columns;
mod schema;

use std::mem;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ::parquet::basic::Compression;
use ::parquet::errors::ParquetError;
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::SerializedFileWriter;
use iopo_files::AtomicFile;
use serde::Serialize;

use self::columns::Columns;
use super::{ExportError, ExportOptions};
use crate::WriteError;

/// A row group ends at this many bytes of text: enough for compression, and little memory.
const ROW_GROUP_BYTES: usize = 16 << 20;

/// Writes rows into columns, one row group after another.
pub(super) struct ParquetWriter {
    path: PathBuf,
    file: SerializedFileWriter<AtomicFile>,
    columns: Columns,
    rows: u64,
}

impl std::fmt::Debug for ParquetWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ParquetWriter")
            .field("path", &self.path)
            .field("rows", &self.rows)
            .finish_non_exhaustive()
    }
}

impl ParquetWriter {
    pub(super) fn new(file: AtomicFile, options: &ExportOptions) -> Result<Self, ExportError> {
        let path = file.path().to_owned();
        let refuse = |source| refused(&path, source);
        let schema = Arc::new(schema::of(options).map_err(refuse)?);
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        let file = SerializedFileWriter::new(file, Arc::clone(&schema), Arc::new(properties));
        let columns = Columns::new(schema);
        let file = file.map_err(refuse)?;
        Ok(Self { path, file, columns, rows: 0 })
    }

    pub(super) fn write<T: Serialize>(&mut self, row: &T) -> Result<(), ExportError> {
        self.rows += 1;
        let encode = |source| WriteError::Encode { path: self.path.clone(), row: self.rows, source };
        let row = serde_json::to_value(row).map_err(encode)?;
        self.columns.add(&row).map_err(|problem| {
            let reason = format!("row {} does not fit the columns: {problem}", self.rows);
            ExportError::file(&self.path, reason)
        })?;
        match self.columns.bytes() < ROW_GROUP_BYTES {
            true => Ok(()),
            false => self.flush(),
        }
    }

    fn flush(&mut self) -> Result<(), ExportError> {
        let columns = self.columns.next();
        let columns = mem::replace(&mut self.columns, columns);
        columns.write(&mut self.file).map_err(|source| refused(&self.path, source))
    }

    pub(super) fn finish(mut self) -> Result<(), ExportError> {
        if self.columns.bytes() > 0 {
            self.flush()?;
        }
        let file = self.file.into_inner().map_err(|source| refused(&self.path, source))?;
        Ok(file.finish().map_err(WriteError::from)?)
    }
}

fn refused(path: &Path, error: ParquetError) -> ExportError {
    ExportError::file(path, format!("it cannot be written as Parquet: {error}"))
}
