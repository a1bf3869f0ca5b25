//! Builds and describes TRACE data.

fn main() {}
