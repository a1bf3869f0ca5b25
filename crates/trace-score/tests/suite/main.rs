//! What `trace-score` promises, one module for each subject.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

mod cfbench;
mod comparison;
mod complexbench;
mod ifeval_edges;
mod ifeval_files;
mod ifeval_fuzz;
mod ifeval_goldens;
mod ifeval_tables;
mod paired;
mod report;
mod scores;
mod stats;
mod trace_judging;
mod trace_quality;
