//! JSONL files: one JSON document per line, read and written as streams.

mod distinct;
mod foreign;
mod format;
mod lines;
mod reader;
mod writer;

pub use distinct::DistinctKeys;
pub use foreign::{foreign_text, parse_json, python_to_json};
pub use format::to_json_line;
pub use lines::DEFAULT_MAX_LINE_BYTES;
pub use reader::JsonlReader;
pub use writer::JsonlWriter;

pub(crate) use lines::{Line, LineReader};
pub(crate) use reader::parse_line;
