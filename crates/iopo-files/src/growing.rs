//! Files that grow while a command runs.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::manifest;
use crate::place::{parent, place_of};
use crate::{FileError, Owner};

/// A file of a command's own that grows by whole pieces, and is its own at every time, however the command ends.
#[derive(Debug)]
pub struct GrowingFile {
    owner: Owner,
    path: PathBuf,
    place: PathBuf,
    file: File,
    record: File,
    bytes: u64,
    hash: Sha256,
}

impl GrowingFile {
    /// Starts the file with these bytes, in the place of none or of the owner's own.
    ///
    /// # Errors
    ///
    /// As [`Owner::write`].
    pub fn start(owner: Owner, path: &Path, bytes: &[u8]) -> Result<Self, FileError> {
        owner.write(path, bytes)?;
        let failed = |source| FileError { action: "write", path: path.to_owned(), source };
        let place = place_of(path).map_err(failed)?;
        let file = File::options().append(true).open(&place).map_err(failed)?;
        let record = manifest::open(parent(&place)).map_err(failed)?;
        let (path, hash) = (path.to_owned(), Sha256::new_with_prefix(bytes));
        Ok(Self { owner, path, place, file, record, bytes: bytes.len() as u64, hash })
    }

    /// Adds a piece, in one write, so that a reader sees whole ones.
    ///
    /// # Errors
    ///
    /// The system's errors.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        let entry = self.owner.entry(&self.place, self.bytes, self.hash.clone());
        // Entered first: a command that is killed in between leaves the file as the entry before has it.
        let written = manifest::line(&entry).and_then(|line| self.record.write_all(line.as_bytes()));
        written.and_then(|()| self.file.write_all(bytes)).map_err(|source: io::Error| FileError {
            action: "write",
            path: self.path.clone(),
            source,
        })
    }
}
