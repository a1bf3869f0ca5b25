//! Writing a JSONL file as a stream.

use std::path::Path;

use iopo_files::AtomicFile;
use serde::Serialize;

use super::to_json_line;
use crate::WriteError;

/// Writes rows one at a time; the file appears, whole, when [`finish`](Self::finish) is called.
///
/// Dropped before that, it leaves whatever stood at the path as it was.
///
/// ```
/// use trace_schema::{Instruction, JsonlReader, JsonlWriter, PreferencePair};
///
/// # let folder = std::env::temp_dir().join(format!("trace-schema-doc-{}", std::process::id()));
/// # std::fs::create_dir_all(&folder)?;
/// let path = folder.join("pairs.jsonl");
/// let pair = PreferencePair {
///     id: "colour".to_owned(),
///     instruction: Instruction { description: "Name a colour.".to_owned(), ..Instruction::default() },
///     chosen: "Red.".to_owned(),
///     rejected: "Tuesday.".to_owned(),
///     provenance: None,
/// };
/// let mut writer = JsonlWriter::create(&path)?;
/// writer.write(&pair)?;
/// assert_eq!(writer.finish()?, 1);
///
/// let rows = JsonlReader::<_, PreferencePair>::open(&path)?.collect::<Result<Vec<_>, _>>()?;
/// assert_eq!(rows, [pair]);
/// # std::fs::remove_dir_all(&folder)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct JsonlWriter {
    file: AtomicFile,
    rows: u64,
}

/// Writes rows to a file that was started, by the owner of its place for instance.
impl From<AtomicFile> for JsonlWriter {
    fn from(file: AtomicFile) -> Self {
        Self { file, rows: 0 }
    }
}

impl JsonlWriter {
    /// Starts a file that will stand at `path`.
    ///
    /// # Errors
    ///
    /// [`WriteError::File`] when the folder is missing or not writable, or the path names no file.
    pub fn create(path: impl AsRef<Path>) -> Result<Self, WriteError> {
        Ok(AtomicFile::create(path)?.into())
    }

    /// Appends one row.
    ///
    /// # Errors
    ///
    /// [`WriteError::Encode`] when the row has no JSON form, [`WriteError::File`] when the system refuses the bytes.
    pub fn write<T: Serialize + ?Sized>(&mut self, row: &T) -> Result<(), WriteError> {
        let number = self.rows + 1;
        let encode = |source| WriteError::Encode { path: self.file.path().to_owned(), row: number, source };
        let mut line = to_json_line(row).map_err(encode)?;
        line.push('\n');
        self.file.append(line)?;
        self.rows = number;
        Ok(())
    }

    /// Puts the file in its place and returns the number of rows.
    ///
    /// # Errors
    ///
    /// [`WriteError::File`].
    pub fn finish(self) -> Result<u64, WriteError> {
        self.file.finish()?;
        Ok(self.rows)
    }
}
