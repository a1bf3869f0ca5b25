//! `trace-build run` as a user runs it, against a local endpoint that answers by rule.

mod bench;
mod config;
mod dry_run;
mod endpoint;
mod ends;
mod kills;
mod owned;
mod throughput;
