//! Every way in which a config or a batch can be wrong.

/// A hyper-parameter that is out of range or has no effect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
#[non_exhaustive]
pub struct LossConfigError {
    /// The field of the config.
    pub field: &'static str,
    /// What is wrong with its value, and what to do.
    pub message: String,
}

impl LossConfigError {
    /// Says what is wrong with a field.
    pub fn new(field: &'static str, message: impl Into<String>) -> Self {
        Self { field, message: message.into() }
    }
}

impl From<UnknownLossType> for LossConfigError {
    fn from(error: UnknownLossType) -> Self {
        Self::new("loss_type", error.to_string())
    }
}

/// Why a loss could not be computed from its inputs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LossError {
    /// There is no row: a mean over the batch would not be a number.
    #[error("the batch is empty")]
    EmptyBatch,
    /// A tensor does not belong to the others: it has another shape, dtype or device, or token ids
    /// outside the vocabulary.
    #[error("{name} {reason}")]
    #[allow(missing_docs, reason = "the message says it")]
    Mismatch { name: &'static str, reason: String },
    /// The loss compares with a reference model, and no reference log-probs were given.
    #[error("reference log-probs are missing, and the loss is not reference-free")]
    MissingReference,
    /// The loss is reference-free, and reference log-probs were given.
    #[error("reference log-probs were given to a reference-free loss, which would ignore them")]
    UnexpectedReference,
}

/// The error of reading a loss type by name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown loss type \"{name}\"; known are {known}")]
pub struct UnknownLossType {
    /// The name given.
    pub name: String,
    /// The names there are, separated by commas.
    pub known: String,
}
