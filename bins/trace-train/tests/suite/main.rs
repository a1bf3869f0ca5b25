//! The program as its users meet it. Tests of WGPU devices need a feature and stay apart, in `wgpu.rs`.
#![allow(clippy::unwrap_used, reason = "a helper that fails has failed its test")]

mod cli;
