#![doc = include_str!("../README.md")]

pub mod pipeline;
mod random;
#[cfg(feature = "testing")]
pub mod testing;
pub mod world;
