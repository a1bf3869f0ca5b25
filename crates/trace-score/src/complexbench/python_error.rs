//! Exceptions of the official program.

use thiserror::Error;

/// Where the official program ends with an exception, or would evaluate what is not evaluated here.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PythonError {
    /// An object of line ends alone, a rule whose argument is not where it should be, or bounds with one number.
    #[error("IndexError: {0} index out of range")]
    Index(&'static str),
    /// A rule of two parts of which only one is found.
    #[error("AttributeError: a rule of two parts lacks one")]
    Attribute,
    /// A text that is not a number.
    #[error("ValueError: {0:?} is not a number")]
    Value(String),
    /// Bounds that are not numbers, or an operation that their values do not have.
    #[error("TypeError: {0}")]
    Type(&'static str),
    /// An argument that is not an expression.
    #[error("SyntaxError: {0:?}")]
    Syntax(String),
    /// An argument that names something.
    #[error("NameError: name {0:?} is not defined")]
    Name(String),
    /// An expression that Python may evaluate, but that no rule needs: calls, comprehensions and the like.
    #[error("{0:?} is an expression that is not evaluated")]
    Unsupported(String),
}

impl PythonError {
    /// The exception's name in Python; empty for [`PythonError::Unsupported`].
    pub const fn python_name(&self) -> &'static str {
        match self {
            Self::Index(_) => "IndexError",
            Self::Attribute => "AttributeError",
            Self::Value(_) => "ValueError",
            Self::Type(_) => "TypeError",
            Self::Syntax(_) => "SyntaxError",
            Self::Name(_) => "NameError",
            Self::Unsupported(_) => "",
        }
    }
}
