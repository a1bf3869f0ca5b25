#![doc = include_str!("../README.md")]

mod atomic;
mod error;
mod lock;
mod read;

pub use atomic::{AtomicFile, remove_unfinished, replace_file, sync_folder, write_file};
pub use error::FileError;
pub use lock::FileLock;
pub use read::{HEAD, open_regular, open_text, read_bytes, read_text, what_it_is};
