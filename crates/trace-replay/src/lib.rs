#![doc = include_str!("../README.md")]

pub mod cfbench;
pub mod complexbench;
pub mod ifeval;
mod recording;
pub mod trace_judge;

pub use recording::{Disagreement, ReplayReport};
