use crate::TokenizerError;

/// A conversation that a template cannot turn into tokens, or a template that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "fields are reasons and sources")]
pub enum TemplateError {
    /// An unknown name, a tokenizer of another family, or a conversation that makes no prompt or completion.
    #[error("{reason}")]
    Invalid { reason: String },
    /// The tokenizer's chat template is not Jinja, or refuses the conversation; the source says why.
    #[error("{reason}")]
    ChatTemplate { reason: &'static str, source: Box<dyn std::error::Error + Send + Sync> },
    /// The tokenizer failed.
    #[error(transparent)]
    Tokenizer(#[from] TokenizerError),
}

impl TemplateError {
    pub(super) fn invalid(reason: impl Into<String>) -> Self {
        Self::Invalid { reason: reason.into() }
    }

    pub(super) fn no_user_message() -> Self {
        Self::invalid("a prompt needs at least one user message")
    }
}
