//! What holds of the verifiable world: its tasks, responders, verifiers and data sets.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod bad_tasks;
mod common;
mod dataset;
mod laws;
mod verifiers;
