//! Files and folders that are complete or absent.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use iopo_files::Owner;

use crate::error::TrainError;

/// The trainer, as the owner of what it writes: it replaces and removes nothing else.
pub const OWNER: Owner = Owner::new("trace-train");

/// The names in a folder; none where the folder does not exist.
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

/// Removes an empty folder; one with content stays, and is an error.
pub(crate) fn remove_empty_folder(dir: &Path) -> Result<(), TrainError> {
    gone(dir, fs::remove_dir(dir))
}

/// Removing a missing path is not an error.
fn gone(path: &Path, result: std::io::Result<()>) -> Result<(), TrainError> {
    match result {
        Err(source) if source.kind() != ErrorKind::NotFound => {
            Err(TrainError::Write { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
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
