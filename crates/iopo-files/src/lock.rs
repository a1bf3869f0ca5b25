//! Locks between processes.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};

use crate::FileError;
use crate::place::{Identity, place_of};

/// An open file that one process at a time holds; free again once this is dropped or the process is gone.
///
/// A file that is there for its lock alone stays: removing it could take it from under another process that has just
/// opened it, and two would then each hold a lock of the same name.
#[derive(Debug)]
pub struct FileLock {
    file: File,
}

impl FileLock {
    /// Opens or makes the file and takes its lock; `None` where another holds it.
    ///
    /// # Errors
    ///
    /// A folder, pipe or device, and a file that cannot be opened for reading and writing, or locked.
    pub fn take(path: &Path) -> Result<Option<Self>, FileError> {
        let file = place_of(path).and_then(|place| {
            OpenOptions::new().create(true).truncate(false).read(true).write(true).open(place)
        });
        let file = file.map_err(FileError::new("open", path))?;
        let granted = is_granted(file.try_lock()).map_err(FileError::new("lock", path))?;
        Ok(granted.then_some(Self { file }))
    }

    /// Whether the file still stands at a path. Only Unix can tell; elsewhere an open file is not removed.
    pub fn is_at(&self, path: &Path) -> bool {
        match Identity::of_open(&self.file) {
            Some(here) => here == Identity::of(path),
            None => path.exists(),
        }
    }

    /// Whether another holds the lock; makes no file.
    ///
    /// # Errors
    ///
    /// A file that cannot be opened or locked. A missing file is not locked.
    pub fn is_held(path: &Path) -> Result<bool, FileError> {
        let file = match File::open(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
            file => file.map_err(FileError::new("open", path))?,
        };
        // Shared, so that two who only look do not see each other.
        let granted = is_granted(file.try_lock_shared()).map_err(FileError::new("lock", path))?;
        Ok(!granted)
    }
}

/// The lock that a folder's one writer holds.
///
/// It is the lock of a file, and of the folder itself where the system locks folders: then removing the file lets no
/// second writer in.
#[derive(Debug)]
pub struct FolderLock {
    folder: PathBuf,
    folder_lock: Option<FileLock>,
    file_lock: FileLock,
}

const LOCK: &str = ".lock";

impl FolderLock {
    /// Takes the lock of a folder that exists; `None` where another holds it.
    ///
    /// # Errors
    ///
    /// A folder that cannot be opened, and a file `.lock` in it that cannot be opened or locked.
    pub fn take(folder: &Path) -> Result<Option<Self>, FileError> {
        let folder_lock = match lock_folder(folder)? {
            Taken::By(lock) => Some(lock),
            Taken::ByAnother => return Ok(None),
            Taken::Impossible => None,
        };
        let file_lock = FileLock::take(&folder.join(LOCK))?;
        Ok(file_lock.map(|file_lock| Self { folder: folder.to_owned(), folder_lock, file_lock }))
    }

    /// Whether another holds the lock; makes no file.
    ///
    /// # Errors
    ///
    /// As [`FolderLock::take`]. A missing folder is not locked.
    pub fn is_held(folder: &Path) -> Result<bool, FileError> {
        if !folder.is_dir() {
            return Ok(false);
        }
        Ok(matches!(lock_folder(folder)?, Taken::ByAnother) || FileLock::is_held(&folder.join(LOCK))?)
    }

    /// Checks that the folder is still the one that is locked.
    ///
    /// # Errors
    ///
    /// A folder that was moved or removed, or, where folders have no locks, whose `.lock` was.
    pub fn check(&self) -> Result<(), FileError> {
        let (path, lock) = match &self.folder_lock {
            Some(lock) => (self.folder.clone(), lock),
            None => (self.folder.join(LOCK), &self.file_lock),
        };
        match lock.is_at(&path) {
            true => Ok(()),
            false => {
                let reason = "it was moved or removed while a run was writing to its folder";
                Err(FileError::new("write beside", &path)(io::Error::new(ErrorKind::NotFound, reason)))
            }
        }
    }
}

enum Taken {
    By(FileLock),
    ByAnother,
    /// The system opens no folders, or the file system does not lock them.
    Impossible,
}

fn lock_folder(folder: &Path) -> Result<Taken, FileError> {
    if !cfg!(unix) {
        return Ok(Taken::Impossible);
    }
    let file = File::open(folder).map_err(FileError::new("open", folder))?;
    Ok(match file.try_lock() {
        Ok(()) => Taken::By(FileLock { file }),
        Err(TryLockError::WouldBlock) => Taken::ByAnother,
        // Network file systems lock only what is open for writing.
        Err(TryLockError::Error(_)) => Taken::Impossible,
    })
}

impl Deref for FileLock {
    type Target = File;

    fn deref(&self) -> &File {
        &self.file
    }
}

impl DerefMut for FileLock {
    fn deref_mut(&mut self) -> &mut File {
        &mut self.file
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // Closing alone would leave the lock to a child process that is just being started and holds a copy of the file;
        // where unlocking fails, closing still follows.
        let _ = self.file.unlock();
    }
}

/// A file system without locks, as some clusters have, grants every one: better unguarded than not at all.
fn is_granted(result: Result<(), TryLockError>) -> io::Result<bool> {
    match result {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => Ok(true),
        Err(TryLockError::Error(error)) => Err(error),
    }
}
