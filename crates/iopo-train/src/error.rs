//! Errors of runs.

use std::error::Error;
use std::fmt::Display;
use std::path::{Path, PathBuf};

use iopo_data::{
    DatasetError, EncodeError, PrepareError, Task, TaskError, TemplateError, TokenizerError, TrieError,
};
use iopo_files::FileError;
use iopo_loss::{LossConfigError, LossError};
use iopo_model::{ConfigError, LayoutError, LoraError, WeightsError};
use thiserror::Error;

use crate::args::ArgsError;

/// A run that cannot start, or has to stop.
#[derive(Debug, Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the fields of an error are named after what its message says")]
pub enum TrainError {
    /// The configuration is wrong.
    #[error(transparent)]
    Args(#[from] ArgsError),
    /// The data, the model or the loss refuses its part.
    #[error(transparent)]
    Library(Box<dyn Error + Send + Sync>),
    /// A key, file or folder cannot be used as it is.
    #[error("{place}: {reason}")]
    Invalid { place: String, reason: String },
    /// A batch does not hold whole examples.
    #[error("a batch of {sequences} sequences does not hold whole examples of {per_example}")]
    BrokenBatch { sequences: usize, per_example: usize },
    /// A custom loss asks for examples of another task than its own.
    #[error("this loss asked for {needed} as its example, and says that it takes {found}")]
    OtherTask { found: Task, needed: Task },
    /// The policy is not the reference before the first update.
    #[error(
        "before the first update the policy must equal its reference, but {what} is {found}, expected {expected}; \
         check that model, adapter and reference belong together"
    )]
    BrokenStart { what: &'static str, found: f64, expected: f64 },
    /// A file in the place of reference log-probs has another header.
    #[error("{} holds no log-probs of this reference model; delete it, and they are recomputed", file.display())]
    ReferenceCache { file: PathBuf },
    /// Reference log-probs on disk are not those of the reference model.
    #[error(
        "{} says that a sequence's log-prob under the reference is {cached}, but the reference gives {live}, and \
         {tolerance:.1e} is the tolerance for rounding; delete the file, and its numbers are recomputed",
        file.display()
    )]
    ReferenceDiffers { file: PathBuf, cached: f64, live: f64, tolerance: f64 },
    /// A reference log-prob is not a number.
    #[error(
        "the reference gives a sequence the log-prob {value}; check the model and adapter that it is made of"
    )]
    ReferenceNotFinite { value: f64 },
    /// A sequence is not part of the data for which the reference was computed.
    #[error(
        "sequence {sequence} of the batch is not in the run's data, so its reference log-prob was not computed; \
         set precompute_ref_log_probs: false to have the reference at hand for other rows"
    )]
    NotPrecomputed { sequence: usize },
    /// A loss, gradient or weight is not a number; `step` counts from 1.
    #[error(
        "update {step}: the {what} is {value}; training stops, and complete checkpoints stay; a lower learning_rate \
         or a longer warm-up may help"
    )]
    NotFinite { step: usize, what: &'static str, value: f64 },
    /// An evaluator of the program fails after so many updates; 0 for its start as well.
    #[error("the evaluation {} failed", if *step == 0 { "before the first update".to_owned() } else { format!("after update {step}") })]
    Evaluator { step: usize, source: Box<dyn Error + Send + Sync> },
    /// Values cannot be read back from the device.
    #[error("cannot read {what} from the device: {reason}")]
    Device { what: &'static str, reason: String },
    /// A file or folder cannot be read.
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    /// A file or folder cannot be written.
    #[error("cannot write {}", path.display())]
    Write { path: PathBuf, source: std::io::Error },
    /// Rounding to the export's float type would lose what the adapter learned. Differences are root mean squares.
    #[error(
        "rounding the merged weights to {dtype} changes the logits by {difference:.2e}, and the adapter itself changes \
         them by only {effect:.2e} (root mean squares): what it learned would be lost; nothing was exported; export as \
         float32, or use the adapter as it is"
    )]
    MergeLosesUpdate { difference: f64, effect: f64, dtype: String },
}

impl TrainError {
    /// A key of the configuration, or a part of a run, that is wrong.
    pub(crate) fn invalid(place: impl Display, reason: impl Into<String>) -> Self {
        Self::Invalid { place: place.to_string(), reason: reason.into() }
    }

    /// A file or folder that is wrong.
    pub(crate) fn at(path: &Path, reason: impl Into<String>) -> Self {
        Self::invalid(path.display(), reason)
    }

    pub(crate) fn no_examples(reason: &str) -> Self {
        Self::invalid("dataset", format!("no example is left to train on: {reason}"))
    }
}

macro_rules! from_library {
    ($($error:ty),* $(,)?) => {
        $(impl From<$error> for TrainError {
            fn from(error: $error) -> Self {
                Self::Library(Box::new(error))
            }
        })*
    };
}

from_library!(
    ConfigError,
    DatasetError,
    EncodeError,
    FileError,
    LayoutError,
    LoraError,
    LossConfigError,
    LossError,
    PrepareError,
    TaskError,
    TemplateError,
    TokenizerError,
    TrieError,
    WeightsError,
);
