//! Files that appear whole or not at all.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::{Builder, TempPath};

use crate::FileError;

/// Between the name of a file and the random part of its temporary file's name.
const MARK: &str = ".part-";
const RANDOM: usize = 6;
const END: &str = ".tmp";

/// A file that is written beside its place and renamed into it at the end.
///
/// Until [`finish`](Self::finish) has returned, whatever stands at the path stays there unchanged. A value that is
/// dropped unfinished removes its temporary file.
#[derive(Debug)]
pub struct AtomicFile {
    path: PathBuf,
    writer: BufWriter<File>,
    temporary: TempPath,
}

impl AtomicFile {
    /// Starts a file that will stand at `path`.
    ///
    /// # Errors
    ///
    /// A path such as `..`, which names no file, and a folder that is missing or not writable.
    pub fn create(path: impl AsRef<Path>) -> Result<Self, FileError> {
        let path = path.as_ref().to_owned();
        let (file, temporary) = temporary(&path).map_err(FileError::new("create", &path))?;
        Ok(Self { path, writer: BufWriter::new(file), temporary })
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
        self.writer.write_all(bytes.as_ref()).map_err(FileError::new("write", &self.path))
    }

    /// Flushes the file to the disk and renames it into its place.
    ///
    /// # Errors
    ///
    /// Bytes that cannot be written, and a place that cannot be taken, as that of a folder. The temporary file is then
    /// removed.
    pub fn finish(self) -> Result<(), FileError> {
        let Self { path, writer, temporary } = self;
        let file = writer.into_inner().map_err(io::IntoInnerError::into_error);
        file.and_then(|file| file.sync_all()).map_err(FileError::new("write", &path))?;
        temporary.persist(&path).map_err(|error| FileError::new("replace", &path)(error.error))?;
        sync_parent(&path);
        Ok(())
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// Writes a file of these bytes in the place of any other.
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
    let (_, temporary) = temporary(path)?;
    write(&temporary)?;
    // Opened for writing because Windows syncs no other files.
    File::options().write(true).open(&temporary)?.sync_all()?;
    temporary.persist(path).map_err(|error| error.error)?;
    sync_parent(path);
    Ok(())
}

/// An empty file beside `path`, with the permissions of any new file: `Builder::tempfile_in` would make one that only
/// its owner may read.
fn temporary(path: &Path) -> io::Result<(File, TempPath)> {
    let Some(name) = path.file_name() else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the path names no file"));
    };
    let mut start = OsString::from(".");
    start.push(name);
    start.push(MARK);
    let file = Builder::new()
        .prefix(&start)
        .suffix(END)
        .rand_bytes(RANDOM)
        .make_in(parent(path), |path| File::options().write(true).create_new(true).open(path))?;
    Ok(file.into_parts())
}

/// Removes the temporary files that killed processes left beside one of these files of a folder.
///
/// No process may be writing to them: the caller holds a lock on the folder.
///
/// # Errors
///
/// A folder that cannot be read, and files that cannot be removed.
pub fn remove_unfinished(folder: &Path, names: &[&str]) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(|temporary| names.iter().any(|name| is_of(temporary, name)))
        {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Whether a file is a temporary one of the file `name`.
fn is_of(temporary: &str, name: &str) -> bool {
    let random = temporary.strip_prefix('.').and_then(|rest| rest.strip_prefix(name));
    let random = random.and_then(|rest| rest.strip_prefix(MARK)).and_then(|rest| rest.strip_suffix(END));
    random.is_some_and(|random| {
        random.len() == RANDOM && random.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes the rename itself durable. Not every file system can; the file's own bytes are safe either way.
fn sync_parent(path: &Path) {
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
