#![doc = include_str!("../README.md")]

mod completion_row;
mod constraint_dimension;
mod constraint_type;
mod dataset;
mod eval_row;
pub mod export;
mod instruction;
mod jsonl;
mod label;
mod lengths;
mod name_error;
mod nearest;
mod preference_group;
mod preference_pair;
mod provenance;
mod record;
mod rejected_row;
mod rejections;
mod row_error;
mod stats;
mod write_error;

pub use completion_row::CompletionRow;
pub use constraint_dimension::ConstraintDimension;
pub use constraint_type::ConstraintType;
pub use dataset::{DatasetFormat, DatasetReader, DatasetRow};
pub use eval_row::{EvalRow, Message};
pub use instruction::{Constraint, Instruction};
pub use jsonl::{DEFAULT_MAX_LINE_BYTES, JsonlError, JsonlReader, JsonlWriter, RowLocation, to_json_line};
pub use label::{DimensionLabel, UnknownLabels};
pub use lengths::{LengthStats, Lengths, TextLengths};
pub use name_error::NameError;
pub use nearest::nearest;
pub use preference_group::{ConstraintOperation, PreferenceGroup};
pub use preference_pair::PreferencePair;
pub use provenance::Provenance;
pub use record::Record;
pub use rejected_row::RejectedRow;
pub use rejections::{ReasonCount, RejectionStats, StageRejections};
pub use row_error::RowError;
pub use stats::{
    ConstraintCounts, DatasetStats, DimensionCount, OperationCounts, TypeCount, UnknownLabelCount,
};
pub use write_error::WriteError;
