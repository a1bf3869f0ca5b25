//! Files and folders that are complete or not there.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use iopo_files::FileLock;

use crate::error::TrainError;

/// A reader sees the old bytes or the new ones.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), TrainError> {
    iopo_files::write_file(path, bytes)
        .map_err(|error| TrainError::Write { path: error.path, source: error.source })
}

/// What a folder holds, by name; nothing where there is no folder.
pub(crate) fn read_folder(dir: &Path) -> Result<Vec<PathBuf>, TrainError> {
    let read = |source| TrainError::Read { path: dir.to_owned(), source };
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(read)?,
    };
    let mut paths =
        entries.map(|entry| Ok(entry.map_err(read)?.path())).collect::<Result<Vec<_>, TrainError>>()?;
    paths.sort();
    Ok(paths)
}

pub(crate) fn create_folder(dir: &Path) -> Result<(), TrainError> {
    fs::create_dir_all(dir).map_err(|source| TrainError::Write { path: dir.to_owned(), source })
}

pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), TrainError> {
    fs::rename(from, to).map_err(|source| TrainError::Write { path: to.to_owned(), source })
}

pub(crate) fn remove_folder(dir: &Path) -> Result<(), TrainError> {
    gone(dir, fs::remove_dir_all(dir))
}

/// Removes a folder that holds nothing; one that does stays, and is an error.
pub(crate) fn remove_empty_folder(dir: &Path) -> Result<(), TrainError> {
    gone(dir, fs::remove_dir(dir))
}

pub(crate) fn remove_file(path: &Path) -> Result<(), TrainError> {
    gone(path, fs::remove_file(path))
}

/// A missing path is not an error.
fn gone(path: &Path, result: std::io::Result<()>) -> Result<(), TrainError> {
    match result {
        Err(source) if source.kind() != ErrorKind::NotFound => {
            Err(TrainError::Write { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

/// Takes a lock; `None` where another holds it.
pub(crate) fn take_lock(path: &Path) -> Result<Option<FileLock>, TrainError> {
    FileLock::take(path).map_err(|error| TrainError::Write { path: error.path, source: error.source })
}

/// Whether another holds a lock.
pub(crate) fn is_locked(path: &Path) -> Result<bool, TrainError> {
    FileLock::is_held(path).map_err(|error| TrainError::Read { path: error.path, source: error.source })
}

/// Syncs every file of a folder, and the folder.
pub(crate) fn sync_contents(dir: &Path) -> Result<(), TrainError> {
    read_folder(dir)?.iter().try_for_each(|file| sync_file(file))?;
    sync_folder(dir)
}

/// A rename is durable once its folder is synced.
pub(crate) fn sync_folder(dir: &Path) -> Result<(), TrainError> {
    iopo_files::sync_folder(dir).map_err(|source| TrainError::Write { path: dir.to_owned(), source })
}

fn sync_file(path: &Path) -> Result<(), TrainError> {
    File::open(path)
        .and_then(|file| file.sync_all())
        .map_err(|source| TrainError::Write { path: path.to_owned(), source })
}
