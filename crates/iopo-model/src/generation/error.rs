//! Every way in which generation can go wrong.

use thiserror::Error;

use crate::error::LayoutError;

/// Generation that cannot start or go on.
#[derive(Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum GenerateError {
    /// Settings that mean nothing.
    #[error("generation settings: {}", list(problems))]
    Settings {
        /// What is wrong, all of it.
        problems: Vec<GenerationProblem>,
    },
    /// A prompt that the model cannot continue.
    #[error("prompt {prompt} cannot be continued")]
    Prompt {
        /// Index of the prompt.
        prompt: usize,
        /// Why.
        source: LayoutError,
    },
    /// The model gave logits that are no numbers, so no token follows.
    #[error("the logits after prompt {prompt} and {new_tokens} new tokens are not finite")]
    NotFinite {
        /// Index of the prompt.
        prompt: usize,
        /// How many tokens had been generated.
        new_tokens: usize,
    },
    /// Values on the device could not be read back.
    #[error("cannot read logits from their device: {reason}")]
    Device {
        /// What the device says.
        reason: String,
    },
}

/// One setting of [`GenerationConfig`](crate::GenerationConfig) that is out of its range.
#[derive(Debug, Clone, Copy, Error, PartialEq)]
#[non_exhaustive]
pub enum GenerationProblem {
    /// Nothing would be generated.
    #[error("max_new_tokens is 0, must be at least 1")]
    MaxNewTokens,
    /// A temperature below 0, or none.
    #[error("temperature is {found}, must be a number of at least 0")]
    Temperature {
        /// The temperature.
        found: f64,
    },
    /// A probability that is none.
    #[error("top_p is {found}, must be from 0 to 1")]
    TopP {
        /// The probability.
        found: f64,
    },
    /// A factor that would turn scores round.
    #[error("repetition_penalty is {found}, must be a positive number")]
    RepetitionPenalty {
        /// The factor.
        found: f64,
    },
}

fn list(problems: &[GenerationProblem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
