#![doc = include_str!("../README.md")]

mod dataset;
mod error;
mod eval_row;
pub mod export;
mod instruction;
mod jsonl;
mod lengths;
mod message;
mod nearest;
mod record;
mod rejections;
mod stats;
mod taxonomy;
mod training_rows;
mod unused;
pub mod values;
mod write_error;

pub use dataset::{DatasetFormat, DatasetReader, DatasetRow};
pub use error::{JsonlError, NameError, RowError, RowLocation};
pub use eval_row::{EvalMessage, EvalRow};
pub use instruction::{Constraint, Instruction};
pub use iopo_files::{excerpt, shorten};
pub use jsonl::{
    DEFAULT_MAX_LINE_BYTES, DistinctKeys, JsonlReader, JsonlWriter, foreign_text, parse_json, python_to_json,
    to_json_line,
};
pub use lengths::{LengthStats, Lengths, TextLengths};
pub use message::{Message, Role};
pub use nearest::nearest;
pub use record::{Provenance, Reasoning, Record};
pub use rejections::{ReasonCount, RejectedRow, RejectionStats, StageRejections};
pub use stats::{
    ConstraintCounts, DatasetStats, DimensionCount, OperationCounts, TypeCount, UnknownLabelCount,
};
pub use taxonomy::{ConstraintDimension, ConstraintType, DimensionLabel, UnknownLabels};
pub use training_rows::{CompletionRow, ConstraintOperation, PreferenceGroup, PreferencePair};
pub use unused::{Purpose, Unread, UnusedKeys, flag, refused, says_nothing, unread_keys};
pub use write_error::WriteError;
