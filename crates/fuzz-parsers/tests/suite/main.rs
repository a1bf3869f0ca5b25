//! Replays the corpus of the fuzz targets, whole and damaged, on a stable compiler.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod damage;
mod replay;
