//! Where an output will stand.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::FileError;

/// The place that a file written to `path` will take: the end of a link, else the path itself.
///
/// Replacing a link by a file would take the link from the user, and a file in the place of a device would take the
/// device from the machine.
pub(crate) fn place_of(path: &Path) -> io::Result<PathBuf> {
    if path.file_name().is_none() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "the path names no file"));
    }
    let found = match fs::symlink_metadata(path) {
        Err(error) if is_missing(&error) => return Ok(path.to_owned()),
        found => found?,
    };
    let place =
        if found.is_symlink() { path.canonicalize().map_err(|_| dangling(path))? } else { path.to_owned() };
    let found = fs::metadata(&place)?;
    match (found.is_file(), found.is_dir()) {
        (true, _) => Ok(place),
        (_, true) => Err(io::Error::new(ErrorKind::IsADirectory, "it is a folder; name a file")),
        _ => {
            let reason = "it is a pipe, socket or device; name a regular file";
            Err(io::Error::new(ErrorKind::InvalidInput, reason))
        }
    }
}

/// Checks that files can be written to a folder that may not exist yet; leaves nothing behind.
///
/// # Errors
///
/// A file or a link to nothing on the way, and a folder that is not writable.
pub fn try_folder(folder: &Path) -> Result<(), FileError> {
    let failed = |source| FileError { action: "write to", path: folder.to_owned(), source };
    for place in folder.ancestors().map(or_present) {
        match fs::metadata(place) {
            Ok(found) if found.is_dir() => {
                return tempfile::tempfile_in(place).map(drop).map_err(failed);
            }
            Ok(_) => {
                let reason = format!("{} is a file, not a folder", place.display());
                return Err(failed(io::Error::new(ErrorKind::NotADirectory, reason)));
            }
            Err(error) if is_missing(&error) => {
                if place.is_symlink() {
                    return Err(failed(dangling(place)));
                }
            }
            Err(error) => return Err(failed(error)),
        }
    }
    Err(failed(ErrorKind::NotFound.into()))
}

/// Whether nothing is at a path; where a file is in the place of its folder, nothing can be.
fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn dangling(path: &Path) -> io::Error {
    let target = fs::read_link(path).unwrap_or_default();
    let reason = format!(
        "{} is a link to {}, where nothing is; create that, or remove the link",
        path.display(),
        target.display()
    );
    io::Error::new(ErrorKind::NotFound, reason)
}

/// The folder of a path; the present one for a name alone.
pub(crate) fn parent(path: &Path) -> &Path {
    or_present(path.parent().unwrap_or(Path::new("")))
}

fn or_present(folder: &Path) -> &Path {
    if folder.as_os_str().is_empty() { Path::new(".") } else { folder }
}

/// What makes two paths one file, however they are written: links, hard links and, for files that do not exist yet,
/// names that some file systems do not tell apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Identity {
    /// Device and number of a file that exists.
    #[cfg(unix)]
    File(u64, u64),
    /// The one path of a file that exists.
    #[cfg(not(unix))]
    File(PathBuf),
    /// The folder and the name in small letters of a file that does not exist.
    Absent(PathBuf, String),
}

impl Identity {
    pub(crate) fn of(path: &Path) -> Self {
        Self::of_file(path).unwrap_or_else(|| {
            let folder = parent(path);
            let folder = folder.canonicalize().or_else(|_| std::path::absolute(folder));
            let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
            Self::Absent(folder.unwrap_or_default(), name)
        })
    }

    #[cfg(unix)]
    fn of_file(path: &Path) -> Option<Self> {
        fs::metadata(path).ok().map(|found| Self::of_metadata(&found))
    }

    /// Of a file that is open; `None` where the system does not tell.
    #[cfg(unix)]
    pub(crate) fn of_open(file: &fs::File) -> Option<Self> {
        file.metadata().ok().map(|found| Self::of_metadata(&found))
    }

    #[cfg(unix)]
    fn of_metadata(found: &fs::Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self::File(found.dev(), found.ino())
    }

    #[cfg(not(unix))]
    fn of_file(path: &Path) -> Option<Self> {
        path.canonicalize().ok().map(Self::File)
    }

    #[cfg(not(unix))]
    pub(crate) fn of_open(_: &fs::File) -> Option<Self> {
        None
    }
}
