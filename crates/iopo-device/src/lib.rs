#![doc = include_str!("../README.md")]

mod allocator;
mod choice;
mod threads;

pub use allocator::keep_freed_memory;
pub use choice::{DeviceChoice, DeviceError, DeviceKind, kinds, label};
pub use threads::{ThreadsError, on_threads};
