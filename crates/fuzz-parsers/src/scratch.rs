//! Files for parsers that take a path.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use tempfile::TempDir;

/// Calls `read` with the path of a file of these bytes, alone in its folder.
///
/// Memory serves as the disk where the system has such a folder: a fuzzer writes thousands of files in a second.
pub(crate) fn with_file(name: &str, bytes: &[u8], read: impl FnOnce(&Path)) {
    let shared = Path::new("/dev/shm");
    let folder = if shared.is_dir() { TempDir::new_in(shared) } else { TempDir::new() };
    let Ok(folder) = folder else { return };
    let path = folder.path().join(name);
    if fs::write(&path, bytes).is_ok() {
        read(&path);
    }
}

/// A small model folder of the repository.
pub(crate) fn model_folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/models/qwen2-tiny"))
}
