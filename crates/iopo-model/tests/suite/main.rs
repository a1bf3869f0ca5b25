//! Tests of the whole crate, in one program so that it is linked once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod adapter_files;
mod common;
mod config_files;
mod generation;
mod generation_config;
mod gradients;
mod init;
mod modules;
mod segment_laws;
mod weight_files;
