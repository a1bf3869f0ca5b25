//! Errors of reading, writing and laying out models.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// A JSON file beside a model's weights that cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum ConfigError {
    /// A file that cannot be read.
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: io::Error },
    /// A file that is not JSON.
    #[error("{} is not valid JSON", path.display())]
    Json { path: PathBuf, source: serde_json::Error },
    /// A key that is missing or has the wrong type, an option that is not implemented, sizes that do not fit together.
    #[error("{}: {reason}", path.display())]
    Invalid { path: PathBuf, reason: String },
}

impl ConfigError {
    pub(crate) fn invalid(path: &Path, reason: impl Into<String>) -> Self {
        Self::Invalid { path: path.to_owned(), reason: reason.into() }
    }
}

/// Weights that cannot be read or written, or do not belong to the model.
#[derive(Debug, Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum WeightsError {
    /// The configuration beside the weights.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A file or folder that cannot be read or written.
    #[error("cannot {action} {}", path.display())]
    File { action: &'static str, path: PathBuf, source: io::Error },
    /// A file that is not in the safetensors format, or was cut off.
    #[error("{} ({len} bytes) is not a sound safetensors file: {reason}", path.display())]
    Format { path: PathBuf, len: usize, reason: String },
    /// Tensors that are missing, left over, or of another shape or type than the model needs.
    #[error("{place}: {reason}")]
    Invalid { place: String, reason: String },
    /// The adapter's configuration or names.
    #[error(transparent)]
    Lora(#[from] LoraError),
}

impl WeightsError {
    pub(crate) fn cannot(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::File { action, path: path.to_owned(), source }
    }

    pub(crate) fn invalid(path: &Path, reason: impl Into<String>) -> Self {
        Self::Invalid { place: path.display().to_string(), reason: reason.into() }
    }
}

/// A LoRA adapter that cannot be made, read or merged.
#[derive(Debug, Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum LoraError {
    /// The model carries an adapter where it must not.
    #[error("the model carries an adapter: merge it or drop it first")]
    AlreadyAdapted,
    /// The model carries no adapter.
    #[error("the model has no adapter")]
    NoAdapter,
    /// A rank, an alpha, targets or an option of PEFT that no adapter can have here.
    #[error("{reason}")]
    Invalid { reason: String },
}

impl LoraError {
    pub(crate) fn invalid(reason: impl Into<String>) -> Self {
        Self::Invalid { reason: reason.into() }
    }
}

/// A token layout that contradicts itself or the model.
#[derive(Debug, Clone, Error, PartialEq, Eq)]
#[error("{reason}")]
pub struct LayoutError {
    reason: String,
}

impl LayoutError {
    pub(crate) fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into() }
    }
}
