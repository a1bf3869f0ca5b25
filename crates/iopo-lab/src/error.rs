//! Errors of a bench.

use std::error::Error;
use std::path::PathBuf;

use iopo_answer::AnswerError;
use iopo_data::TokenizerTrainingError;
use iopo_files::FileError;
use iopo_model::WeightsError;
use iopo_train::{ArgsError, TrainError};
use thiserror::Error;
use trace_world::WorldError;

/// A bench that cannot go on.
#[derive(Debug, Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the fields of an error are named after what its message says")]
pub enum LabError {
    /// The trainer, the world, a model or a writer of files fails.
    #[error(transparent)]
    Library(Box<dyn Error + Send + Sync>),
    /// A file of `eval_prompts` cannot be used.
    #[error("eval_prompts: {}: {source}", path.display())]
    EvalPrompts { path: PathBuf, source: Box<dyn Error + Send + Sync> },
    /// The prompts do not give the metric that is to choose the best model.
    #[error("metric_for_best_model: {metric} is not measured; an evaluation gives {known}")]
    MissingMetric { metric: String, known: String },
    /// A file or folder cannot be read or written.
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: std::io::Error },
}

macro_rules! from_library {
    ($($error:ty),* $(,)?) => {
        $(impl From<$error> for LabError {
            fn from(error: $error) -> Self {
                Self::Library(Box::new(error))
            }
        })*
    };
}

from_library!(
    AnswerError,
    ArgsError,
    TokenizerTrainingError,
    TrainError,
    WeightsError,
    WorldError,
    FileError,
);
