//! Files appear whole or not at all, nothing of a user's is replaced, and locks hold.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod atomic;
mod lock;
mod owner;
mod seal;
