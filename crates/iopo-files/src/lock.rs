//! Locks between processes.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::ops::{Deref, DerefMut};
use std::path::Path;

use crate::FileError;

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
    /// A file that cannot be opened for reading and writing, or locked.
    pub fn take(path: &Path) -> Result<Option<Self>, FileError> {
        let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path);
        let file = file.map_err(FileError::new("open", path))?;
        let granted = is_granted(file.try_lock()).map_err(FileError::new("lock", path))?;
        Ok(granted.then_some(Self { file }))
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
