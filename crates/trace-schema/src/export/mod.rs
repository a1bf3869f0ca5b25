//! Rows in the formats of other programs.
//!
//! [`ExportWriter`] takes rows of this crate one at a time and writes them for LLaMA-Factory, TRL and the paper's fork
//! of the former, as JSONL, as one JSON array or as Parquet. [`DatasetInfo`] enters the file into LLaMA-Factory's list
//! of datasets.

mod container;
mod dataset_info;
mod error;
mod format;
#[cfg(feature = "parquet")]
mod parquet;
mod record;
mod writer;

pub use container::Container;
pub use dataset_info::DatasetInfo;
pub use error::ExportError;
pub use format::{ExportFormat, Shape};
pub use writer::{ExportOptions, ExportWriter};
