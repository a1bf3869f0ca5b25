//! Which paths a program may replace or remove.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use sha2::Sha256;

use crate::atomic::{is_unfinished, sync_parent, unfinished_folder};
use crate::manifest::{self, Entry, MANIFEST, name_of};
use crate::place::{Identity, parent, place_of, try_folder};
use crate::{AtomicFile, FileError};

/// A command, as the owner of the files that it writes.
///
/// It replaces and removes only what it wrote itself and nobody changed since: the record in the file's folder,
/// [`MANIFEST`], has its name, length and SHA-256. An empty file holds nothing to lose, and may be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    name: &'static str,
}

impl Owner {
    /// The command of this name, such as `trace-eval answer`.
    pub const fn new(name: &'static str) -> Self {
        Self { name }
    }

    /// Checks, before a command begins, that all its outputs can be written; changes nothing.
    ///
    /// `inputs` are the files that the command reads, a journal that it adds to among them.
    ///
    /// # Errors
    ///
    /// An output that exists and is not this command's own, is one of the inputs or the place of two outputs, is a
    /// folder or a device, or lies where nothing can be written.
    pub fn claim<P: AsRef<Path>, Q: AsRef<Path>>(
        &self,
        outputs: impl IntoIterator<Item = P>,
        inputs: impl IntoIterator<Item = Q>,
    ) -> Result<(), FileError> {
        let inputs: Vec<(PathBuf, Identity)> = inputs.into_iter().map(with_identity).collect();
        let mut claimed: Vec<(PathBuf, Identity)> = Vec::new();
        for (path, identity) in outputs.into_iter().map(with_identity) {
            let place = place_of(&path).map_err(FileError::new("write", &path))?;
            if let Some((other, _)) = inputs.iter().find(|(_, other)| *other == identity) {
                let reason =
                    format!("{} is an input and would be overwritten; name another file", other.display());
                return Err(refused(&path, reason));
            }
            if let Some((other, _)) = claimed.iter().find(|(_, other)| *other == identity) {
                let reason = format!("it is the place of {} too; name another file", other.display());
                return Err(refused(&path, reason));
            }
            try_folder(parent(&place))?;
            self.check(&path, &place)?;
            claimed.push((path, identity));
        }
        Ok(())
    }

    /// Starts a file that replaces only this command's own; what a killed run of it left beside the file goes.
    ///
    /// # Errors
    ///
    /// As [`AtomicFile::create`].
    pub fn create(&self, path: impl AsRef<Path>) -> Result<AtomicFile, FileError> {
        AtomicFile::owned(path.as_ref(), *self)
    }

    /// Writes a file of these bytes in the place of none or of this command's own.
    ///
    /// # Errors
    ///
    /// As [`AtomicFile`], and a file that is not this command's own.
    pub fn write(&self, path: impl AsRef<Path>, bytes: impl AsRef<[u8]>) -> Result<(), FileError> {
        let mut file = self.create(path)?;
        file.append(bytes)?;
        file.finish()
    }

    /// Renames a finished file to `path`, in the place of none or of this command's own.
    ///
    /// # Errors
    ///
    /// A file that is not this command's own, and the system's errors.
    pub fn rename(&self, from: &Path, path: &Path) -> Result<(), FileError> {
        let failed = |source| FileError { action: "replace", path: path.to_owned(), source };
        let place = place_of(path).map_err(failed)?;
        let mut entry = Entry::of(from, self.name).map_err(failed)?;
        entry.file = name_of(&place);
        self.record(path, &place, &entry)?;
        fs::rename(from, &place).map_err(failed)?;
        sync_parent(&place);
        Ok(())
    }

    /// Moves all files of a folder into another, `last` after the others, and removes the folder.
    ///
    /// # Errors
    ///
    /// As [`rename`](Self::rename); nothing is moved where one file must not be replaced.
    pub fn move_files(&self, from: &Path, to: &Path, last: &str) -> Result<(), FileError> {
        let failed = |source| FileError { action: "write", path: to.to_owned(), source };
        let mut files = files_of(from).map_err(failed)?;
        files.sort_by_key(|file| file.ends_with(last));
        let moves = files.iter().map(|file| (file, to.join(file.file_name().unwrap_or_default())));
        let moves: Vec<_> = moves.collect();
        moves.iter().try_for_each(|(_, to)| self.check_file(to))?;
        moves.iter().try_for_each(|(file, to)| self.rename(file, to))?;
        fs::remove_dir(from).map_err(failed)
    }

    /// Removes a file of this command's own; a missing one is not an error.
    ///
    /// # Errors
    ///
    /// A file that is not this command's own, and the system's errors.
    pub fn remove(&self, path: &Path) -> Result<(), FileError> {
        let failed = |source| FileError { action: "remove", path: path.to_owned(), source };
        if fs::symlink_metadata(path).is_err_and(|error| error.kind() == ErrorKind::NotFound) {
            return Ok(());
        }
        self.check(path, &place_of(path).map_err(failed)?)?;
        fs::remove_file(path).map_err(failed)
    }

    /// Checks that whatever stands at a path may be replaced or removed: nothing, or a file of this command's own.
    ///
    /// # Errors
    ///
    /// Anything else.
    pub fn check_file(&self, path: &Path) -> Result<(), FileError> {
        self.check(path, &place_of(path).map_err(FileError::new("replace", path))?)
    }

    /// Records every file of a folder that this command has just filled, so that [`verify_folder`] can check them.
    ///
    /// # Errors
    ///
    /// Files that cannot be read, and a record that cannot be written.
    pub fn seal(&self, folder: &Path) -> Result<(), FileError> {
        let failed = |source| FileError { action: "write", path: folder.join(MANIFEST), source };
        let files = files_of(folder).map_err(failed)?;
        let entries = files.iter().map(|file| Entry::of(file, self.name)).collect::<io::Result<Vec<_>>>();
        manifest::write(folder, entries.map_err(failed)?).map_err(failed)
    }

    /// Checks that a folder may be removed: it is missing, or empty, or has only this command's own files.
    ///
    /// # Errors
    ///
    /// A folder that is something else or a link, or has something else in it.
    pub fn check_folder(&self, folder: &Path) -> Result<(), FileError> {
        let failed = |source| FileError { action: "remove", path: folder.to_owned(), source };
        let found = match fs::symlink_metadata(folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            found => found.map_err(failed)?,
        };
        if !found.is_dir() {
            return Err(failed(foreign("it is not a folder")));
        }
        // What a killed run was writing is nobody's file.
        for file in files_of(folder).map_err(failed)?.into_iter().filter(|file| !is_unfinished(file)) {
            self.check(&file, &file).map_err(|error| {
                let reason = format!("{}: {}", name_of(&file), error.source);
                failed(io::Error::new(ErrorKind::AlreadyExists, reason))
            })?;
        }
        Ok(())
    }

    /// Removes a folder that [`check_folder`](Self::check_folder) accepts.
    ///
    /// # Errors
    ///
    /// As that, with [`ErrorKind::AlreadyExists`], and the system's errors.
    pub fn remove_folder(&self, folder: &Path) -> Result<(), FileError> {
        self.check_folder(folder)?;
        let failed = |source| FileError { action: "remove", path: folder.to_owned(), source };
        if !folder.exists() {
            return Ok(());
        }
        // Renamed first: a killed run leaves the whole folder, or one that the next run takes for unfinished.
        let gone = unfinished_folder(folder)?;
        fs::remove_dir(&gone).and_then(|()| fs::rename(folder, &gone)).map_err(failed)?;
        fs::remove_dir_all(&gone).map_err(failed)
    }

    /// Drops entries of the record of a folder that no longer count. No other command may be writing to the folder.
    ///
    /// # Errors
    ///
    /// A record that cannot be read or written.
    pub fn compact(&self, folder: &Path) -> Result<(), FileError> {
        manifest::compact(folder, self.name).map_err(FileError::new("write", &folder.join(MANIFEST)))
    }

    pub(crate) fn entry(&self, place: &Path, bytes: u64, hash: Sha256) -> Entry {
        Entry::new(place, bytes, hash, self.name)
    }

    /// Enters a file that is about to be put into its place, if it may stand there.
    pub(crate) fn record(&self, path: &Path, place: &Path, entry: &Entry) -> Result<(), FileError> {
        self.check(path, place)?;
        manifest::add(parent(place), entry).map_err(FileError::new("record", path))
    }

    fn check(&self, path: &Path, place: &Path) -> Result<(), FileError> {
        let failed = |source| FileError { action: "replace", path: path.to_owned(), source };
        let found = match fs::symlink_metadata(place) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            found => found.map_err(failed)?,
        };
        if found.is_file() && found.len() == 0 {
            return Ok(());
        }
        if !found.is_file() {
            return Err(failed(foreign("it is not a file")));
        }
        let name = name_of(place);
        let entries = manifest::entries(parent(place)).map_err(failed)?;
        let written: Vec<&Entry> = entries.iter().filter(|entry| entry.file == name).collect();
        let ours: Vec<&&Entry> = written.iter().filter(|entry| entry.by == self.name).collect();
        if ours.iter().any(|entry| entry.bytes == found.len()) {
            let is = Entry::of(place, self.name).map_err(failed)?;
            if ours.iter().any(|entry| ***entry == is) {
                return Ok(());
            }
        }
        let reason = match (ours.is_empty(), written.last()) {
            (false, _) => format!("it was changed after {} wrote it", self.name),
            (true, Some(entry)) => format!("{} wrote it, not {}", entry.by, self.name),
            (true, None) => format!("{} did not write it", self.name),
        };
        Err(failed(foreign(&reason)))
    }
}

/// Checks every file of a folder against the record that [`Owner::seal`] made; `false` where there is none.
///
/// # Errors
///
/// A file that is missing, or has other bytes than were written; the error names it.
pub fn verify_folder(folder: &Path) -> Result<bool, FileError> {
    let read = |path: &Path, source| FileError { action: "read", path: path.to_owned(), source };
    let entries = manifest::entries(folder).map_err(|source| read(&folder.join(MANIFEST), source))?;
    let last: BTreeMap<&str, &Entry> = entries.iter().map(|entry| (entry.file.as_str(), entry)).collect();
    for (name, entry) in &last {
        let path = folder.join(name);
        if !entry.describes(&path).map_err(|source| read(&path, source))? {
            let reason = format!(
                "its bytes are not those that were written (SHA-256 {}): it was damaged or edited; use another copy",
                entry.sha256
            );
            return Err(read(&path, io::Error::new(ErrorKind::InvalidData, reason)));
        }
    }
    Ok(!last.is_empty())
}

fn with_identity(path: impl AsRef<Path>) -> (PathBuf, Identity) {
    (path.as_ref().to_owned(), Identity::of(path.as_ref()))
}

/// Everything in a folder but the record, in the order of names.
fn files_of(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let paths = fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path()));
    let mut paths = paths.collect::<io::Result<Vec<_>>>()?;
    paths.retain(|path| !path.ends_with(MANIFEST));
    paths.sort();
    Ok(paths)
}

fn foreign(reason: &str) -> io::Error {
    let reason = format!("{reason}; move it away, or choose another place");
    io::Error::new(ErrorKind::AlreadyExists, reason)
}

fn refused(path: &Path, reason: String) -> FileError {
    let source = io::Error::new(ErrorKind::AlreadyExists, reason);
    FileError { action: "replace", path: path.to_owned(), source }
}
