//! Prefix trees over token sequences, and their padding-free layout.

mod batch;
mod build;

pub use batch::{Prediction, Segment, TrieBatch};
pub use build::TokenTrie;

/// A sequence that cannot enter a trie.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs, reason = "`sequence` is a position in the input")]
pub enum TrieError {
    /// There is nothing to lay out.
    #[error("a batch needs at least one sequence")]
    NoSequences,
    /// No token would predict the first completion token.
    #[error("sequence {sequence} has an empty prompt: nothing would predict its first completion token")]
    EmptyPrompt { sequence: usize },
    /// The log-prob of nothing is 0 and its mean is not a number.
    #[error("sequence {sequence} has an empty completion: it has no log-prob")]
    EmptyCompletion { sequence: usize },
}
