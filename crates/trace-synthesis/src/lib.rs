#![doc = include_str!("../README.md")]

pub mod pipeline;
mod random;
pub mod similarity;
#[cfg(feature = "testing")]
pub mod testing;
