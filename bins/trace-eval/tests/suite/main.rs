//! `trace-eval` as a user runs it, one module for each command.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

mod answer;
mod cfbench;
mod compare;
mod complexbench;
mod ifeval;
#[cfg(feature = "local")]
mod local;
mod owned;
mod trace;
mod trace_full;
