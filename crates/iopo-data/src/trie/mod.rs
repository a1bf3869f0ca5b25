//! Prefix trees over token sequences, and their padding-free layout.

mod batch;
mod build;

pub use batch::{Prediction, Segment, TrieBatch};
pub use build::TokenTrie;

/// A sequence that cannot enter a trie.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum TrieError {
    /// There is nothing to lay out.
    #[error("a batch needs at least one sequence")]
    NoSequences,
    /// No token would predict the first completion token.
    #[error("sequence {sequence} has an empty prompt: nothing would predict its first completion token")]
    EmptyPrompt {
        /// Position of the sequence in the input.
        sequence: usize,
    },
    /// The log-prob of nothing is 0 and its mean is not a number.
    #[error("sequence {sequence} has an empty completion: it has no log-prob")]
    EmptyCompletion {
        /// Position of the sequence in the input.
        sequence: usize,
    },
}
