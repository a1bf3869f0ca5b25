//! Files that are complete or absent.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::Path;

use crate::error::WeightsError;

/// Lets `write` fill a temporary file beside `path`, syncs it, and renames it to `path`.
///
/// # Errors
/// What `write`, syncing or renaming say; `path` is as it was then.
pub(crate) fn replace_file<E: From<io::Error>>(
    path: &Path,
    write: impl FnOnce(&Path) -> Result<(), E>,
) -> Result<(), E> {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = path.with_file_name(name);
    let result =
        write(&temporary).and_then(|()| Ok(sync(&temporary).and_then(|()| fs::rename(&temporary, path))?));
    if result.is_err() {
        // Nothing more can be done about it, and the first error is the one that matters.
        let _ = fs::remove_file(&temporary);
    }
    result
}

/// Replaces a text file.
pub(crate) fn write_text(path: &Path, text: &str) -> Result<(), WeightsError> {
    replace_file(path, |temporary| fs::write(temporary, text))
        .map_err(|source| WeightsError::cannot("write", path, source))
}

fn sync(path: &Path) -> io::Result<()> {
    // Opened for writing because Windows syncs no other files.
    File::options().write(true).open(path)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(dir: &Path) -> Vec<OsString> {
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    }

    #[test]
    fn a_failed_write_leaves_the_old_file_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.json");
        fs::write(&path, "old").unwrap();
        let failed = replace_file(&path, |temporary| {
            fs::write(temporary, "half of the n")?;
            Err(io::Error::other("disk full"))
        });
        assert_eq!(failed.unwrap_err().to_string(), "disk full");
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(entries(dir.path()), ["a.json"]);
    }

    #[test]
    fn a_written_file_replaces_the_old_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.json");
        fs::write(&path, "old").unwrap();
        replace_file(&path, |temporary| fs::write(temporary, "new")).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(entries(dir.path()), ["a.json"]);
    }
}
