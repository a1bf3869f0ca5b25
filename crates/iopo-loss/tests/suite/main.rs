//! Losses against plain arithmetic, finite differences and their laws.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod batch_log_probs;
mod common;
mod extremes;
mod fixtures;
mod gradients;
mod laws;
