#![doc = include_str!("../README.md")]

mod chat;
mod files;
mod rows;
mod scratch;

/// A parser and the name of its folder in `fuzz/corpus`.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// The name, also that of the program in `fuzz/fuzz_targets`.
    pub name: &'static str,
    /// Parses, and uses what was parsed as a program would.
    pub run: fn(&[u8]),
}

/// Every target.
pub const TARGETS: [Target; 9] = [
    Target { name: "chat_template", run: chat::template },
    Target { name: "dataset_rows", run: rows::dataset },
    Target { name: "endpoint_body", run: chat::endpoint_body },
    Target { name: "journal", run: chat::journal },
    Target { name: "judge_answer", run: rows::judge_answer },
    Target { name: "safetensors_header", run: files::safetensors },
    Target { name: "tokenizer_file", run: files::tokenizer },
    Target { name: "trace_rows", run: rows::trace },
    Target { name: "yaml", run: files::yaml },
];

/// Runs the target of this name.
///
/// # Panics
///
/// No target has the name, or it found a fault.
#[allow(clippy::panic, reason = "a fuzz program without a target is a mistake in this repository")]
pub fn run(name: &str, bytes: &[u8]) {
    match TARGETS.iter().find(|target| target.name == name) {
        Some(target) => (target.run)(bytes),
        None => panic!("no target is called {name}"),
    }
}
