use std::error::Error;
use std::path::Path;

/// A tokenizer that cannot be read, does not fit its model, or refuses a text.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct TokenizerError {
    reason: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl TokenizerError {
    pub(super) fn new(reason: String) -> Self {
        Self { reason, source: None }
    }

    pub(super) fn because(reason: String, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { reason, source: Some(source.into()) }
    }

    pub(super) fn missing(path: &Path) -> Self {
        let path = path.display();
        Self::new(format!(
            "{path} is missing: a tokenizer folder holds tokenizer.json and tokenizer_config.json"
        ))
    }

    pub(super) fn malformed(path: &Path, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::because(format!("{} is malformed", path.display()), source)
    }
}
