//! Every way in which an answer can fail to come.

use std::path::PathBuf;

use iopo_data::{TemplateError, TokenizerError};
use iopo_model::{ConfigError, GenerateError, WeightsError};
use thiserror::Error;

/// A model that cannot be read or cannot answer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// The model's files.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// `generation_config.json`.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The tokenizer's files, and text that it cannot take or give.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// A chat template that is missing, or a conversation that it cannot render.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// Answers that cannot be generated.
    #[error(transparent)]
    Generate(#[from] GenerateError),
    /// A file that cannot be read for the digest.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}
