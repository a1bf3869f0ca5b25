#![doc = include_str!("../README.md")]

pub mod cfbench;
pub mod complexbench;
pub mod trace;
