//! Files and folders that are complete or absent.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::error::TrainError;

/// Writes beside the file, syncs, and renames: a reader sees the old bytes or the new ones.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), TrainError> {
    let write = |source| TrainError::Write { path: path.to_owned(), source };
    let temporary = path.with_extension("tmp");
    let mut file = File::create(&temporary).map_err(write)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(write)?;
    fs::rename(&temporary, path).map_err(write)
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

/// Removing a missing path is not an error.
fn gone(path: &Path, result: std::io::Result<()>) -> Result<(), TrainError> {
    match result {
        Err(source) if source.kind() != ErrorKind::NotFound => {
            Err(TrainError::Write { path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

/// A file that one process at a time holds; free again once this is dropped or the process is gone.
///
/// The file itself stays: removing it could take it from under another process that has just
/// opened it, and two would then each hold a lock of the same name.
#[derive(Debug)]
pub(crate) struct FileLock {
    file: File,
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // Closing alone would leave the lock to a child process that is just being started and holds a copy of the file;
        // where unlocking fails, closing still follows.
        let _ = self.file.unlock();
    }
}

impl FileLock {
    /// Takes the lock; `None` where another holds it.
    pub(crate) fn take(path: &Path) -> Result<Option<Self>, TrainError> {
        let write = |source| TrainError::Write { path: path.to_owned(), source };
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(path).map_err(write)?;
        Ok(is_granted(file.try_lock()).map_err(write)?.then_some(Self { file }))
    }

    /// Whether another holds the lock; creates no file.
    pub(crate) fn is_held(path: &Path) -> Result<bool, TrainError> {
        let read = |source| TrainError::Read { path: path.to_owned(), source };
        let file = match File::open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            file => file.map_err(read)?,
        };
        // Shared, so that two who only look do not see each other.
        Ok(!is_granted(file.try_lock_shared()).map_err(read)?)
    }
}

/// A file system without locks (some of clusters) grants every one: better to train unguarded than not at all.
fn is_granted(result: Result<(), TryLockError>) -> std::io::Result<bool> {
    match result {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => Ok(true),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Syncs every file of a folder, and the folder.
pub(crate) fn sync_contents(dir: &Path) -> Result<(), TrainError> {
    read_folder(dir)?.iter().try_for_each(|file| sync_file(file))?;
    sync_folder(dir)
}

/// On Unix a rename is durable once its folder is synced; elsewhere folders cannot be opened.
pub(crate) fn sync_folder(dir: &Path) -> Result<(), TrainError> {
    if cfg!(unix) { sync_file(dir) } else { Ok(()) }
}

fn sync_file(path: &Path) -> Result<(), TrainError> {
    File::open(path)
        .and_then(|file| file.sync_all())
        .map_err(|source| TrainError::Write { path: path.to_owned(), source })
}
