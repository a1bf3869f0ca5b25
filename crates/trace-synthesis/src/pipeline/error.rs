//! What ends a run.

use chat_client::AskError;
use thiserror::Error;
use trace_schema::{JsonlError, WriteError};

use super::prompt_error::PromptError;
use super::seed::SeedError;
use crate::similarity::SimilarityError;

/// A run that cannot go on. Rows that fail are no errors; they are rejected.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PipelineError {
    /// The configuration is wrong.
    #[error("the configuration is wrong: {}", .problems.join("; "))]
    Config {
        /// Everything that is wrong with it.
        problems: Vec<String>,
    },
    /// The seeds cannot be read.
    #[error(transparent)]
    Seeds(#[from] SeedError),
    /// A prompt cannot be rendered.
    #[error(transparent)]
    Prompt(#[from] PromptError),
    /// Nothing more can be asked: the journal failed, for instance.
    #[error("question {tag:?} cannot be asked")]
    Ask {
        /// The tag of the question.
        tag: String,
        /// Why.
        source: AskError,
    },
    /// A file of the results cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The folder for the results cannot be made or looked into.
    #[error("cannot use the folder {}", .folder.display())]
    Folder {
        /// The folder.
        folder: std::path::PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// An evaluation set to compare with cannot be read.
    #[error(transparent)]
    Evaluation(#[from] JsonlError),
    /// The threshold of similarity is none.
    #[error(transparent)]
    Similarity(#[from] SimilarityError),
    /// A task of the runtime was given up.
    #[error("the work on a row broke off")]
    Task(#[from] tokio::task::JoinError),
    /// The summary cannot be written as JSON.
    #[error("the summary cannot be written as JSON")]
    Encode(#[from] serde_json::Error),
}
