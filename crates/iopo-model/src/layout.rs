//! A batch of tokens without padding: flat tokens, and segments that say who sees whom.

use std::ops::Range;

use crate::error::LayoutError;

/// A run of tokens that follow one another, and the segment before its first token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentSpan {
    /// Where the run stands in the flat tokens.
    pub range: Range<usize>,
    /// The segment that it continues, or none where a sequence starts.
    pub parent: Option<usize>,
}

/// Tokens of one forward pass: flat, each stored once, with their positions and segments.
///
/// A token attends to the earlier tokens of its own segment, and to all tokens of the segment's
/// ancestors. One sequence is one segment; sequences that share a prefix are a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenLayout {
    tokens: Vec<u32>,
    positions: Vec<u32>,
    segments: Vec<SegmentSpan>,
}

impl TokenLayout {
    /// Checks and keeps a layout.
    ///
    /// # Errors
    /// No tokens, more or fewer positions than tokens, segments that do not cover the tokens in
    /// order, and parents that come after their children.
    pub fn new(
        tokens: Vec<u32>,
        positions: Vec<u32>,
        segments: Vec<SegmentSpan>,
    ) -> Result<Self, LayoutError> {
        if tokens.is_empty() {
            return Err(LayoutError::new("a layout needs at least one token"));
        }
        if tokens.len() != positions.len() {
            return Err(LayoutError::new(format!(
                "{} tokens, but {} positions",
                tokens.len(),
                positions.len()
            )));
        }
        let mut expected = 0;
        for (index, segment) in segments.iter().enumerate() {
            let Range { start, end } = segment.range;
            if start != expected || end <= start {
                return Err(LayoutError::new(format!(
                    "segment {index} covers {start}..{end}, expected a non-empty range from {expected}"
                )));
            }
            if let Some(parent) = segment.parent.filter(|&parent| parent >= index) {
                return Err(LayoutError::new(format!(
                    "segment {index} has parent {parent}, which does not come before it"
                )));
            }
            expected = end;
        }
        if expected != tokens.len() {
            return Err(LayoutError::new(format!("segments end at {expected}, tokens at {}", tokens.len())));
        }
        Ok(Self { tokens, positions, segments })
    }

    /// A layout that is known to be sound: a part of one.
    pub(crate) fn from_parts(tokens: Vec<u32>, positions: Vec<u32>, segments: Vec<SegmentSpan>) -> Self {
        Self { tokens, positions, segments }
    }

    /// One sequence whose first token has position `start`.
    ///
    /// # Errors
    /// The sequence is empty, or so long that positions overflow.
    pub fn sequence(tokens: Vec<u32>, start: u32) -> Result<Self, LayoutError> {
        // Inclusive, because a range that ends at the last position must not count past it; where
        // it runs out, positions are too few, which is the error.
        let positions = (start..=u32::MAX).take(tokens.len()).collect();
        let segments = vec![SegmentSpan { range: 0..tokens.len(), parent: None }];
        Self::new(tokens, positions, segments)
    }

    /// Number of tokens.
    #[must_use]
    pub fn num_tokens(&self) -> usize {
        self.tokens.len()
    }

    /// Token ids.
    #[must_use]
    pub fn tokens(&self) -> &[u32] {
        &self.tokens
    }

    /// Positions for the rotary embedding.
    #[must_use]
    pub fn positions(&self) -> &[u32] {
        &self.positions
    }

    /// The segments, parents before children.
    #[must_use]
    pub fn segments(&self) -> &[SegmentSpan] {
        &self.segments
    }

    /// The ranges of a segment's ancestors, the root first.
    pub(crate) fn ancestors(&self, segment: usize) -> Vec<Range<usize>> {
        let mut ranges = Vec::new();
        let mut next = self.segments[segment].parent;
        while let Some(index) = next {
            ranges.push(self.segments[index].range.clone());
            next = self.segments[index].parent;
        }
        ranges.reverse();
        ranges
    }

    /// Refuses token ids that the embedding has no row for.
    pub(crate) fn check_vocabulary(&self, vocab_size: usize) -> Result<(), LayoutError> {
        match self.tokens.iter().position(|&token| token as usize >= vocab_size) {
            None => Ok(()),
            Some(index) => Err(LayoutError::new(format!(
                "token id {} at {index} is outside the model's vocabulary of {vocab_size}: is this the model's own \
                 tokenizer?",
                self.tokens[index]
            ))),
        }
    }
}

/// Which hidden state predicts which token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Predictions {
    /// Indices into the flat tokens: the position whose hidden state predicts.
    pub sources: Vec<usize>,
    /// The token that is predicted from there; as many as sources.
    pub targets: Vec<u32>,
}

impl Predictions {
    pub(crate) fn check(&self, tokens: usize, vocab_size: usize) -> Result<(), LayoutError> {
        if self.sources.len() != self.targets.len() {
            return Err(LayoutError::new(format!(
                "{} positions that predict, but {} predicted tokens",
                self.sources.len(),
                self.targets.len()
            )));
        }
        if let Some(index) = self.sources.iter().position(|&from| from >= tokens) {
            return Err(LayoutError::new(format!(
                "prediction {index} reads position {} of {tokens}",
                self.sources[index]
            )));
        }
        match self.targets.iter().position(|&token| token as usize >= vocab_size) {
            None => Ok(()),
            Some(index) => Err(LayoutError::new(format!(
                "prediction {index} asks for token id {}, outside the model's vocabulary of {vocab_size}: is this \
                 the model's own tokenizer?",
                self.targets[index]
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(range: Range<usize>, parent: Option<usize>) -> SegmentSpan {
        SegmentSpan { range, parent }
    }

    #[test]
    fn ancestors_come_root_first() {
        let layout = TokenLayout::new(
            vec![1; 6],
            vec![0, 1, 2, 3, 4, 2],
            vec![span(0..2, None), span(2..4, Some(0)), span(4..5, Some(1)), span(5..6, Some(0))],
        )
        .unwrap();
        assert_eq!(layout.ancestors(2), vec![0..2, 2..4]);
        assert_eq!(layout.ancestors(3), vec![0..2]);
    }

    #[test]
    fn contradictions_are_errors() {
        let of = |positions: Vec<u32>, segments| {
            TokenLayout::new(vec![1; 4], positions, segments).unwrap_err().to_string()
        };
        let four = || vec![0, 1, 2, 3];
        let empty = TokenLayout::sequence(vec![], 0).unwrap_err();
        assert_eq!(empty.to_string(), "a layout needs at least one token");
        assert_eq!(of(vec![0], vec![span(0..4, None)]), "4 tokens, but 1 positions");
        let range = |covers| format!("segment 0 covers {covers}, expected a non-empty range from 0");
        assert_eq!(of(four(), vec![span(1..4, None)]), range("1..4"));
        assert_eq!(of(four(), vec![span(0..0, None)]), range("0..0"));
        assert_eq!(of(four(), vec![span(0..3, None)]), "segments end at 3, tokens at 4");
        let parent = "segment 0 has parent 0, which does not come before it";
        assert_eq!(of(four(), vec![span(0..4, Some(0))]), parent);
    }
}
