//! Files that appear whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use thiserror::Error;

/// What can go wrong while a file is written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The path ends in no file name.
    #[error("{} names no file", .path.display())]
    NoFileName {
        /// The path.
        path: PathBuf,
    },
    /// The temporary file cannot be made: the folder is missing or not writable.
    #[error("cannot create {}", .path.display())]
    Create {
        /// The file to be written, not the temporary one.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A row has no JSON form.
    #[error("row {row} of {} cannot be written as JSON", .path.display())]
    Encode {
        /// The file.
        path: PathBuf,
        /// The row, counted from 1.
        row: u64,
        /// What the serialiser says.
        source: serde_json::Error,
    },
    /// The bytes cannot be written.
    #[error("cannot write {}", .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The finished file cannot be put in its place.
    #[error("cannot put {} in its place", .path.display())]
    Persist {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// A file that is written beside its place and renamed into it at the end.
///
/// Until [`finish`](Self::finish) has returned, whatever stood at the path stands there unchanged. A value that is
/// dropped unfinished removes its temporary file.
#[derive(Debug)]
pub struct AtomicFile {
    path: PathBuf,
    temporary: PathBuf,
    /// Taken by `finish`; while it is there, dropping cleans up.
    writer: Option<BufWriter<File>>,
}

impl AtomicFile {
    /// Starts a file that will stand at `path`.
    ///
    /// # Errors
    ///
    /// [`WriteError::NoFileName`] for a path such as `..`, [`WriteError::Create`] when the folder is missing or not
    /// writable.
    pub fn create(path: impl AsRef<Path>) -> Result<Self, WriteError> {
        /// Tells apart the temporary files that one process has open at once.
        static OPENED: AtomicU64 = AtomicU64::new(0);

        let path = path.as_ref().to_owned();
        let Some(name) = path.file_name() else {
            return Err(WriteError::NoFileName { path });
        };
        loop {
            let number = OPENED.fetch_add(1, Ordering::Relaxed);
            let mut hidden = std::ffi::OsString::from(".");
            hidden.push(name);
            hidden.push(format!(".{}-{number}.tmp", std::process::id()));
            let temporary = path.with_file_name(hidden);
            match OpenOptions::new().write(true).create_new(true).open(&temporary) {
                Ok(file) => return Ok(Self { path, temporary, writer: Some(BufWriter::new(file)) }),
                // That of a killed process of the same number, as the first of every container is, or of one that
                // lives in another container.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(source) => return Err(WriteError::Create { path, source }),
            }
        }
    }

    /// Where the file will stand.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Flushes the file to the disk and renames it into its place.
    ///
    /// # Errors
    ///
    /// [`WriteError::Write`] when the last bytes cannot be written, [`WriteError::Persist`] when the rename fails. The
    /// temporary file is then removed.
    pub fn finish(mut self) -> Result<(), WriteError> {
        let written = match self.writer.as_mut() {
            Some(writer) => writer.flush().and_then(|()| writer.get_ref().sync_all()),
            None => Ok(()),
        };
        // An error leaves the writer in its place, and so dropping `self` removes the temporary file.
        written.map_err(|source| WriteError::Write { path: self.path.clone(), source })?;
        fs::rename(&self.temporary, &self.path)
            .map_err(|source| WriteError::Persist { path: self.path.clone(), source })?;
        self.writer = None;
        sync_folder(&self.path);
        Ok(())
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.writer.as_mut() {
            Some(writer) => writer.write(bytes),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.as_mut().map_or(Ok(()), Write::flush)
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        if self.writer.take().is_some() {
            // Nobody is left to hear of a failure here, and a stray temporary file harms nothing.
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// Makes the rename itself durable. Not every file system can; the file's own bytes are safe either way.
fn sync_folder(path: &Path) {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
}
