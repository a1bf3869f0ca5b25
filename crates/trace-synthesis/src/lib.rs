#![doc = include_str!("../README.md")]

pub mod similarity;
pub mod world;
