#![doc = include_str!("../README.md")]

mod atomic;
mod error;
mod lock;
mod read;
mod values;
#[cfg(feature = "yaml")]
mod yaml;

pub use atomic::{AtomicFile, remove_unfinished, replace_file, sync_folder, write_file};
pub use error::FileError;
pub use lock::FileLock;
pub use read::{HEAD, open_regular, read_bytes, read_text, what_it_is};
pub use values::{deserialize_whole, setting_flag, setting_number, setting_whole, short, whole_number};
#[cfg(feature = "yaml")]
pub use yaml::{Unfilled, fill_references, parse_yaml, parse_yaml_map};
