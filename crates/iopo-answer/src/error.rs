//! Errors of answering.

use std::path::PathBuf;

use iopo_data::{TemplateError, TokenizerError};
use iopo_model::{ConfigError, GenerateError, WeightsError};
use thiserror::Error;

/// A model that cannot be read or cannot answer.
#[derive(Debug, Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum AnswerError {
    /// The model's files.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// `generation_config.json`.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The tokenizer's files, and text that it cannot encode or decode.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
    /// A chat template that is missing, or a conversation that it cannot render.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// Answers that cannot be generated.
    #[error(transparent)]
    Generate(#[from] GenerateError),
    /// A file that cannot be hashed.
    #[error("cannot read {}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
}
