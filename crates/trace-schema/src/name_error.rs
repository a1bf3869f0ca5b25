//! The error of turning a name into a value.

use thiserror::Error;

/// A name that stands for no constraint type, constraint dimension or constraint operation.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NameError {
    /// The name is none of the five constraint types.
    #[error("unknown constraint type {name:?}: the types are Content, Situation, Style, Format and Example")]
    ConstraintType {
        /// The name as it was given.
        name: String,
    },
    /// The name is none of the 26 constraint dimensions, neither in English nor in Chinese.
    #[error("unknown constraint dimension {name:?}")]
    ConstraintDimension {
        /// The name as it was given.
        name: String,
    },
    /// The name is none of the three constraint operations.
    #[error("unknown constraint operation {name:?}: the operations are ADD, DELETE and REVISE")]
    ConstraintOperation {
        /// The name as it was given.
        name: String,
    },
}
