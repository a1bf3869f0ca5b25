//! `trace-build` as a user runs it: the tests of the program, in one binary.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod annotate;
mod browse;
mod common;
mod data_formats;
mod export;
mod owned;
mod run;
mod stats;
mod world;
