//! The client against a server that behaves as each test says. One program, so that it is linked once.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod ask;
mod busy;
mod caps;
mod common;
mod endpoint;
mod journal;
mod kill;
mod request;
mod response;
mod retries;
mod secrets;
#[cfg(target_os = "linux")]
mod tls;
