#![doc = include_str!("../README.md")]

mod atomic;
mod error;
mod lock;

pub use atomic::{AtomicFile, remove_unfinished, replace_file, sync_folder, write_file};
pub use error::FileError;
pub use lock::FileLock;
