//! Every way in which a bench can fail.

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
pub enum LabError {
    /// A stage's configuration.
    #[error(transparent)]
    Args(#[from] ArgsError),
    /// A stage.
    #[error(transparent)]
    Train(Box<TrainError>),
    /// A model's files.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// Answers that do not come.
    #[error(transparent)]
    Answer(#[from] AnswerError),
    /// Rows that cannot be drawn.
    #[error(transparent)]
    World(#[from] WorldError),
    /// A tokenizer that cannot be trained.
    #[error(transparent)]
    TokenizerTraining(#[from] TokenizerTrainingError),
    /// A file that cannot be written.
    #[error(transparent)]
    Write(#[from] FileError),
    /// A file that cannot be read or made.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

impl From<TrainError> for LabError {
    fn from(error: TrainError) -> Self {
        Self::Train(Box::new(error))
    }
}
