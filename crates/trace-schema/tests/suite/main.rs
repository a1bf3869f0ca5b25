//! The tests of the crate, in one binary.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod exports;
mod jsonl_writer;
mod quickstart_fixtures;
mod readme;
mod released_file;
mod round_trip;
mod wrong_files;
mod wrong_rows;
