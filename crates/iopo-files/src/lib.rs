#![doc = include_str!("../README.md")]

mod atomic;
mod error;
mod growing;
mod lock;
mod manifest;
mod owner;
mod place;
mod read;

pub use atomic::{AtomicFile, remove_unfinished, replace_file, sync_folder, unfinished_folder, write_file};
pub use error::FileError;
pub use growing::GrowingFile;
pub use lock::{FileLock, FolderLock};
pub use manifest::MANIFEST;
pub use owner::{Owner, verify_folder};
pub use place::try_folder;
pub use read::{HEAD, open_regular, read_bytes, read_text, what_it_is};
