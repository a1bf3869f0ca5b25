//! LLaMA-Factory's list of datasets.

use std::io;
use std::path::{Path, PathBuf};

use iopo_files::{read_text, write_file};
use serde_json::{Map, Value, json};

use super::{ExportError, ExportFormat, Shape};
use crate::{WriteError, parse_json, shorten};

/// The name of the file; LLaMA-Factory looks for it in its `dataset_dir`.
const FILE_NAME: &str = "dataset_info.json";

/// The largest list that is read, in bytes.
const MAX_BYTES: u64 = 16 << 20;

/// The datasets of a folder, with one entry that is ours.
///
/// Other entries, keys that others added to this entry, and the order stay unchanged.
#[derive(Debug)]
pub struct DatasetInfo {
    path: PathBuf,
    entries: Map<String, Value>,
    changed: bool,
}

impl DatasetInfo {
    /// Reads the `dataset_info.json` of a folder; a missing one has no entries.
    ///
    /// # Errors
    ///
    /// [`ExportError::File`] when the file cannot be read or is not a JSON object.
    pub fn read(folder: &Path) -> Result<Self, ExportError> {
        let path = folder.join(FILE_NAME);
        let entries = match read_text(&path, MAX_BYTES) {
            Ok(text) => parse_json(&text).map_err(|error| {
                let reason = format!("it is not a JSON object: {}", shorten(&error.to_string()));
                ExportError::file(&path, reason)
            })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Map::new(),
            Err(error) => return Err(ExportError::file(&path, format!("it cannot be read: {error}"))),
        };
        Ok(Self { path, entries, changed: false })
    }

    /// Enters a file of an exported format under a name.
    ///
    /// # Errors
    ///
    /// [`ExportError::NameTaken`] when the name stands for another file.
    pub fn enter(
        &mut self,
        name: &str,
        file_name: &str,
        format: ExportFormat,
        shape: Shape,
    ) -> Result<(), ExportError> {
        let mut entry = match self.entries.get(name) {
            None => Map::new(),
            Some(Value::Object(entry)) if entry.get("file_name") == Some(&file_name.into()) => entry.clone(),
            Some(entry) => {
                let (path, name, entry) = (self.path.clone(), name.to_owned(), entry.clone());
                return Err(ExportError::NameTaken { path, name, entry });
            }
        };
        let ranking = shape != Shape::Completion;
        for (key, value) in [
            ("file_name", Some(json!(file_name))),
            ("formatting", Some(json!(format.name()))),
            ("ranking", ranking.then_some(json!(true))),
            ("columns", Some(columns(format, ranking))),
        ] {
            match value {
                Some(value) => entry.insert(key.to_owned(), value),
                // Not `remove`, which would move the last key to this place.
                None => entry.shift_remove(key),
            };
        }
        let entry = Value::Object(entry);
        self.changed |= self.entries.get(name) != Some(&entry);
        self.entries.insert(name.to_owned(), entry);
        Ok(())
    }

    /// Where the file stands.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the file, unless it says all this already.
    ///
    /// # Errors
    ///
    /// [`ExportError::Write`].
    pub fn save(&self) -> Result<(), ExportError> {
        if !self.changed {
            return Ok(());
        }
        let encode = |source| WriteError::Encode { path: self.path.clone(), row: 1, source };
        let text = serde_json::to_string_pretty(&self.entries).map_err(encode)? + "\n";
        Ok(write_file(&self.path, text).map_err(WriteError::from)?)
    }
}

/// The columns of the format.
fn columns(format: ExportFormat, ranking: bool) -> Value {
    match (format, ranking) {
        (ExportFormat::Alpaca, true) => {
            json!({"prompt": "instruction", "query": "input", "chosen": "chosen", "rejected": "rejected"})
        }
        (ExportFormat::Alpaca, false) => {
            json!({"prompt": "instruction", "query": "input", "response": "output"})
        }
        (_, true) => json!({"messages": "conversations", "chosen": "chosen", "rejected": "rejected"}),
        (_, false) => json!({"messages": "conversations"}),
    }
}
