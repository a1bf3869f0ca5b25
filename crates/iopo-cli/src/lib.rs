#![doc = include_str!("../README.md")]
// Those macros panic on a closed pipe; `console` does not.
#![warn(clippy::print_stdout, clippy::print_stderr)]

#[cfg(feature = "device")]
mod allocator;
mod arguments;
mod console;
#[cfg(feature = "device")]
mod device;
mod outcome;
mod progress;
#[cfg(feature = "device")]
mod threads;

#[cfg(feature = "device")]
pub use allocator::keep_freed_memory;
pub use arguments::parse;
pub use console::{note, note_reasons, print, say, visible};
#[cfg(feature = "device")]
pub use device::{DeviceChoice, DeviceError, DeviceKind, kinds, label};
#[cfg(feature = "device")]
pub use mimalloc::MiMalloc;
pub use outcome::{Outcome, failure};
pub use progress::{bar_style, note_above};
#[cfg(feature = "device")]
pub use threads::{ThreadsError, on_threads};
