//! The trainer's promises: what runs learn, log, keep and refuse.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::result_large_err,
    reason = "a test fails by panicking, and its errors are rare"
)]

mod answering;
mod common;
mod custom_loss;
mod export;
mod reference;
mod run;
mod scratch;
mod selection;
mod step;
mod token_budget;
