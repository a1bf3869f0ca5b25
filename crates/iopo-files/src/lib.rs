#![doc = include_str!("../README.md")]

mod atomic;
mod error;
mod excerpt;
mod growing;
mod lock;
mod manifest;
mod owner;
mod place;
mod read;
mod values;
#[cfg(feature = "yaml")]
mod yaml;

pub use atomic::{AtomicFile, remove_unfinished, replace_file, sync_folder, unfinished_folder, write_file};
pub use error::FileError;
pub use excerpt::{excerpt, shorten};
pub use growing::GrowingFile;
pub use lock::{FileLock, FolderLock};
pub use manifest::MANIFEST;
pub use owner::{Owner, verify_folder};
pub use place::try_folder;
pub use read::{HEAD, open_regular, open_text, read_bytes, read_text, what_it_is};
pub use values::{deserialize_whole, setting_flag, setting_number, setting_whole, whole_number};
#[cfg(feature = "yaml")]
pub use yaml::{Unfilled, fill_references, parse_yaml, parse_yaml_map};
