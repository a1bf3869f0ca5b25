//! Every way in which a file of prompts can be wrong.

use iopo_answer::AnswerError;
use thiserror::Error;
use trace_schema::JsonlError;
use trace_score::ifeval::IfevalError;
use trace_world::WorldError;

/// A file of `eval_prompts` that cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EvalPromptsError {
    /// A line that cannot be read.
    #[error(transparent)]
    Read(#[from] JsonlError),
    /// A row of IFEval's format that cannot be used.
    #[error(transparent)]
    Ifeval(#[from] IfevalError),
    /// A row of the verifiable world that cannot be used.
    #[error("row {row}: {source}")]
    World {
        /// The row, counted from 1.
        row: usize,
        /// What is wrong.
        source: WorldError,
    },
    /// A message of someone whom no template knows.
    #[error("row {id:?}: nobody has the role {role:?}; known: system, user, assistant")]
    Role {
        /// The row.
        id: String,
        /// The role.
        role: String,
    },
    /// A first row of neither format.
    #[error(
        "its first row has neither `instruction_id_list`, as the prompts of IFEval have, nor `world`, as evaluation rows \
         of the verifiable world have"
    )]
    UnknownFormat,
    /// No row.
    #[error("it has no rows")]
    Empty,
    /// Two rows of one format with one id.
    #[error("another row has the id {id:?} too")]
    DuplicateId {
        /// The id.
        id: String,
    },
    /// A conversation that the template cannot render.
    #[error("row {id:?} makes no prompt")]
    Prompt {
        /// The row.
        id: String,
        /// Why.
        source: Box<AnswerError>,
    },
}
