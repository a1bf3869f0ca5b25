//! The pipeline against a model that answers by rule, in this process.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod common;
mod kept;
mod memory;
mod prompts;
mod rejected;
mod repeat;
