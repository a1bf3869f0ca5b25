//! Errors of generation.

use thiserror::Error;

use crate::error::LayoutError;
use crate::kernels::DeviceError;

/// Generation that cannot start or go on.
#[derive(Debug, Error, PartialEq)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages say what the fields are")]
pub enum GenerateError {
    /// Settings out of their ranges, all of them named.
    #[error("generation settings: {}", problems.join("; "))]
    Settings { problems: Vec<String> },
    /// A prompt that the model cannot continue.
    #[error("prompt {prompt} cannot be continued")]
    Prompt { prompt: usize, source: LayoutError },
    /// Logits that are not finite.
    #[error("the logits after prompt {prompt} and {new_tokens} new tokens are not finite")]
    NotFinite { prompt: usize, new_tokens: usize },
    /// Values on the device that cannot be read.
    #[error(transparent)]
    Device(#[from] DeviceError),
}
