//! An endpoint over HTTP.

mod adapt;
mod backoff;
mod client;
mod config;
mod exchange;
mod limiter;

pub use client::HttpChat;
pub use config::{EndpointConfig, RetryConfig};
