//! `trace-build run` as a user runs it, against a local endpoint that answers by rule.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod bench;
mod config;
mod dry_run;
mod endpoint;
mod ends;
mod kills;
mod throughput;
