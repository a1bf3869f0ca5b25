//! Files appear whole or not at all, and locks hold.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod atomic;
mod lock;
