//! The tests of the crate, in one binary.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;
mod kept;
mod memory;
mod prompts;
mod rejected;
mod repeat;
mod similarity;
