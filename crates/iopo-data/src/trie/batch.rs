use std::ops::Range;

use super::{TokenTrie, TrieError};
use crate::TokenSequence;

/// A run of tokens between two forks of the trie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Flat indices of its tokens.
    pub range: Range<usize>,
    /// The segment it continues, always an earlier one; `None` for a root.
    pub parent: Option<usize>,
}

/// A completion token, and the token whose hidden state predicts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prediction {
    /// Flat index of the predicting token, the one just before the target on its path.
    pub source: usize,
    /// The completion token's id.
    pub target: u32,
}

/// Token sequences as one flat list without padding, shared prefixes stored once.
///
/// A token attends to its segment up to itself, and to all of its segment's
/// [ancestors](Self::ancestors). One sequence is a chain, a preference pair a fork,
/// a preference group a tree; several examples in one batch are several roots.
///
/// The order is deterministic: depth first, children in the order in which the input
/// first reached them. So parents come before children, and the tokens of a segment
/// and of its descendants are contiguous.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrieBatch {
    /// Token ids, `[tokens]`.
    pub tokens: Vec<u32>,
    /// Depth of each token in its sequence, from 0, `[tokens]`.
    pub positions: Vec<u32>,
    /// The runs between forks; they cover all tokens in order.
    pub segments: Vec<Segment>,
    /// Every completion token once, in the order of `tokens`.
    ///
    /// Sequences that begin their completion with the same tokens share predictions.
    pub predictions: Vec<Prediction>,
    /// For each input sequence, in input order: which predictions make up its
    /// completion, first token first.
    pub sequences: Vec<Vec<Range<usize>>>,
}

impl TrieBatch {
    /// Lays out all sequences in one trie; equal prefixes are stored once.
    ///
    /// # Errors
    ///
    /// [`TrieError`] when there is no sequence, or one lacks a prompt or a completion.
    ///
    /// ```
    /// use iopo_data::{TokenSequence, TrieBatch};
    ///
    /// let sequence = |completion: &[u32]| TokenSequence { prompt: vec![1, 2], completion: completion.to_vec() };
    /// let fork = TrieBatch::from_sequences(&[sequence(&[3, 4, 9]), sequence(&[3, 5, 9])])?;
    /// assert_eq!(fork.tokens, [1, 2, 3, 4, 9, 5, 9]);
    /// assert_eq!(fork.positions, [0, 1, 2, 3, 4, 3, 4]);
    /// // Token 3 is predicted once, from token 2, for both sequences.
    /// assert_eq!(fork.sequences, [vec![0..3], vec![0..1, 3..5]]);
    /// # Ok::<(), iopo_data::TrieError>(())
    /// ```
    pub fn from_sequences(sequences: &[TokenSequence]) -> Result<Self, TrieError> {
        let mut trie = TokenTrie::new();
        for sequence in sequences {
            trie.insert(sequence)?;
        }
        trie.into_batch()
    }

    /// Lays out each sequence as a root of its own, sharing nothing.
    ///
    /// It means the same as [`TrieBatch::from_sequences`] and costs more; it is what
    /// sharing is compared with.
    ///
    /// # Errors
    ///
    /// As [`TrieBatch::from_sequences`].
    pub fn unshared(sequences: &[TokenSequence]) -> Result<Self, TrieError> {
        let mut trie = TokenTrie::new();
        for sequence in sequences {
            trie.insert_unshared(sequence)?;
        }
        trie.into_batch()
    }

    pub(super) fn with_capacity(tokens: usize) -> Self {
        Self { tokens: Vec::with_capacity(tokens), positions: Vec::with_capacity(tokens), ..Self::default() }
    }

    /// Number of tokens that a forward pass computes.
    pub fn num_tokens(&self) -> usize {
        self.tokens.len()
    }

    /// Number of input sequences.
    pub fn num_sequences(&self) -> usize {
        self.sequences.len()
    }

    /// Number of completion tokens of a sequence; 0 where there is no such sequence.
    pub fn completion_tokens(&self, sequence: usize) -> usize {
        self.sequences.get(sequence).into_iter().flatten().map(Range::len).sum()
    }

    /// Indices into `predictions` of a sequence's completion, first token first.
    pub fn predictions_of(&self, sequence: usize) -> impl Iterator<Item = usize> + '_ {
        self.sequences.get(sequence).into_iter().flatten().cloned().flatten()
    }

    /// The segments above one, nearest first.
    pub fn ancestors(&self, segment: usize) -> impl Iterator<Item = usize> + '_ {
        let above = |segment: &usize| self.segments.get(*segment).and_then(|s| s.parent);
        std::iter::successors(above(&segment), above)
    }

    /// Flat ranges of the tokens above a segment, root first: the keys that all of
    /// its tokens see.
    pub fn ancestor_ranges(&self, segment: usize) -> Vec<Range<usize>> {
        let mut ranges: Vec<_> =
            self.ancestors(segment).map(|ancestor| self.segments[ancestor].range.clone()).collect();
        ranges.reverse();
        ranges
    }

    /// The segment that holds a flat token index.
    pub fn segment_of(&self, token: usize) -> Option<usize> {
        let segment = self.segments.partition_point(|segment| segment.range.end <= token);
        (segment < self.segments.len()).then_some(segment)
    }

    /// Prompt and completion of a sequence, read back by walking its segments.
    pub fn sequence_tokens(&self, sequence: usize) -> Vec<u32> {
        let Some(last) = self.predictions_of(sequence).last().map(|prediction| self.predictions[prediction])
        else {
            return Vec::new();
        };
        let Some(segment) = self.segment_of(last.source) else {
            return Vec::new();
        };
        let mut ranges = self.ancestor_ranges(segment);
        ranges.push(self.segments[segment].range.start..last.source + 1);
        ranges.into_iter().flatten().map(|token| self.tokens[token]).chain([last.target]).collect()
    }
}
