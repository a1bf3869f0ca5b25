//! Files that appear whole or not at all.

use std::fs;
use std::path::Path;

use iopo_train::OWNER;
use serde::Serialize;

use crate::error::LabError;

/// Writes lines, with the folder they go to.
///
/// # Errors
/// A folder or file that cannot be written, and a file that no run of ours wrote.
pub(crate) fn write_lines<L: AsRef<str>>(
    path: &Path,
    lines: impl IntoIterator<Item = L>,
) -> Result<(), LabError> {
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir).map_err(|source| LabError::File { path: dir.to_owned(), source })?;
    }
    let mut file = OWNER.create(path)?;
    for line in lines {
        file.append(line.as_ref())?;
        file.append("\n")?;
    }
    Ok(file.finish()?)
}

/// Writes rows as JSONL.
///
/// # Errors
/// As [`write_lines`].
pub(crate) fn write_rows<T: Serialize>(path: &Path, rows: &[T]) -> Result<(), LabError> {
    let lines = rows.iter().map(serde_json::to_string).collect::<Result<Vec<_>, _>>();
    let lines = lines.map_err(|source| LabError::File { path: path.to_owned(), source: source.into() })?;
    write_lines(path, lines)
}
