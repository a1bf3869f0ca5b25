//! Files that appear whole or not at all.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tempfile::{Builder, NamedTempFile, TempPath};

use crate::place::{parent, place_of};
use crate::{FileError, FileLock, Owner};

/// Between the name of a file and the random part of its temporary file's name.
const MARK: &str = ".part-";
const RANDOM: usize = 6;
const END: &str = ".tmp";

/// A file that is written beside its place and renamed into it at the end.
///
/// Until [`finish`](Self::finish) has returned, whatever stands at the path stays there unchanged. A value that is
/// dropped unfinished removes its temporary file. Through a link, the file at its end is written.
#[derive(Debug)]
pub struct AtomicFile {
    path: PathBuf,
    place: PathBuf,
    writer: BufWriter<File>,
    temporary: TempPath,
    bytes: u64,
    /// Who may replace what stands at the place, and the hash for the record.
    owner: Option<(Owner, Sha256)>,
}

impl AtomicFile {
    /// Starts a file that will stand at `path`, in the place of any other: [`Owner::create`] asks whose that is.
    ///
    /// # Errors
    ///
    /// A path such as `..`, which names no file, a folder, a device, a link to nothing, and a folder that is missing or
    /// not writable.
    pub fn create(path: impl AsRef<Path>) -> Result<Self, FileError> {
        Self::new(path.as_ref(), None)
    }

    pub(crate) fn owned(path: &Path, owner: Owner) -> Result<Self, FileError> {
        Self::new(path, Some((owner, Sha256::new())))
    }

    fn new(path: &Path, owner: Option<(Owner, Sha256)>) -> Result<Self, FileError> {
        let failed = |source| FileError { action: "create", path: path.to_owned(), source };
        let place = place_of(path).map_err(failed)?;
        if let (Some(_), Some(name)) = (&owner, place.file_name().and_then(|name| name.to_str())) {
            remove_unfinished(parent(&place), |unfinished| unfinished == name).map_err(failed)?;
        }
        let (file, temporary) = temporary(&place).map_err(failed)?;
        Ok(Self { path: path.to_owned(), place, writer: BufWriter::new(file), temporary, bytes: 0, owner })
    }

    /// Where the file will stand.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends bytes; unlike the error of `write_all`, this one names the file.
    ///
    /// # Errors
    ///
    /// A full disk and the like.
    pub fn append(&mut self, bytes: impl AsRef<[u8]>) -> Result<(), FileError> {
        self.write_all(bytes.as_ref()).map_err(FileError::new("write", &self.path))
    }

    /// Flushes the file to the disk and renames it into its place.
    ///
    /// # Errors
    ///
    /// Bytes that cannot be written, a place that cannot be taken, as that of a folder, and one that holds a file of
    /// somebody else than the owner. The temporary file is then removed.
    pub fn finish(self) -> Result<(), FileError> {
        let Self { path, place, writer, temporary, bytes, owner } = self;
        let file = writer.into_inner().map_err(io::IntoInnerError::into_error);
        let file =
            file.and_then(|file| file.sync_all().map(|()| file)).map_err(FileError::new("write", &path))?;
        if let Some((owner, hash)) = owner {
            owner.record(&path, &place, &owner.entry(&place, bytes, hash))?;
        }
        temporary.persist(&place).map_err(|error| FileError::new("replace", &path)(error.error))?;
        // Until here its lock showed that the temporary file is being written.
        drop(file);
        sync_parent(&place);
        Ok(())
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.writer.write(bytes)?;
        if let Some((_, hash)) = &mut self.owner {
            hash.update(bytes.get(..written).unwrap_or_default());
        }
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// Writes a file of these bytes in the place of any other: [`Owner::write`] asks whose that is.
///
/// # Errors
///
/// As [`AtomicFile`].
pub fn write_file(path: impl AsRef<Path>, bytes: impl AsRef<[u8]>) -> Result<(), FileError> {
    let mut file = AtomicFile::create(path)?;
    file.append(bytes)?;
    file.finish()
}

/// Lets `write` fill a temporary file beside `path`, syncs it, and renames it to `path`.
///
/// For writers that take a path. The temporary file is there and empty; `write` may replace it.
///
/// # Errors
///
/// What `write`, syncing or renaming say; `path` is as it was then.
pub fn replace_file<E: From<io::Error>>(
    path: &Path,
    write: impl FnOnce(&Path) -> Result<(), E>,
) -> Result<(), E> {
    let place = place_of(path)?;
    let (_file, temporary) = temporary(&place)?;
    write(&temporary)?;
    // Opened for writing because Windows syncs no other files.
    File::options().write(true).open(&temporary)?.sync_all()?;
    temporary.persist(&place).map_err(|error| error.error)?;
    sync_parent(&place);
    Ok(())
}

/// An empty file beside `path`, with the permissions of any new file: `Builder::tempfile_in` would make one that only
/// its owner may read. It is locked while it is open.
fn temporary(path: &Path) -> io::Result<(File, TempPath)> {
    let file = beside(path, |path| File::options().write(true).create_new(true).open(path))?;
    let (file, path) = file.into_parts();
    // Nobody else knows the file yet; where the file system has no locks, it goes without.
    let _ = file.try_lock();
    Ok((file, path))
}

/// Makes an empty folder beside `path`, to be filled and then renamed to it; [`remove_unfinished`] finds it later.
///
/// # Errors
///
/// The system's error.
pub fn unfinished_folder(path: &Path) -> Result<PathBuf, FileError> {
    let made = beside(path, |path| fs::create_dir(path)).and_then(|made| Ok(made.into_temp_path().keep()?));
    made.map_err(FileError::new("create", path))
}

fn beside<R>(path: &Path, make: impl FnMut(&Path) -> io::Result<R>) -> io::Result<NamedTempFile<R>> {
    let mut start = OsString::from(".");
    start.push(path.file_name().unwrap_or_default());
    start.push(MARK);
    Builder::new().prefix(&start).suffix(END).rand_bytes(RANDOM).make_in(parent(path), make)
}

/// Removes the temporary files and folders that killed processes left beside those paths of a folder whose names
/// `is_ours` accepts. A file that is being written stays.
///
/// # Errors
///
/// A folder that cannot be read, and files that cannot be removed.
pub fn remove_unfinished(folder: &Path, is_ours: impl Fn(&str) -> bool) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if !unfinished(&path).is_some_and(&is_ours) {
            continue;
        }
        let removed = match path.is_dir() {
            true => fs::remove_dir_all(&path),
            false if FileLock::is_held(&path).map_err(|error| error.source)? => Ok(()),
            false => fs::remove_file(&path),
        };
        match removed {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// The name of the path that a temporary one is to become; `None` for any other.
fn unfinished(path: &Path) -> Option<&str> {
    let (name, random) =
        path.file_name()?.to_str()?.strip_prefix('.')?.strip_suffix(END)?.rsplit_once(MARK)?;
    let is_random = random.len() == RANDOM && random.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_random.then_some(name)
}

/// Whether a path is a temporary file of a killed or running process.
pub(crate) fn is_unfinished(path: &Path) -> bool {
    unfinished(path).is_some() && path.is_file()
}

/// Makes the rename itself durable. Not every file system can; the file's own bytes are safe either way.
pub(crate) fn sync_parent(path: &Path) {
    let _ = sync_folder(parent(path));
}

/// Waits until the names in a folder are on the disk. Only Unix opens folders; elsewhere nothing is done.
///
/// # Errors
///
/// The system's error.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
