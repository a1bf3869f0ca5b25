//! The bench, and prompts that are answered while training.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::result_large_err,
    reason = "a test fails by panicking"
)]

mod bench;
mod eval_prompts;
