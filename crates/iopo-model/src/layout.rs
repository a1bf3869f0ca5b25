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
            return Err(LayoutError::Empty);
        }
        if tokens.len() != positions.len() {
            return Err(LayoutError::Positions { tokens: tokens.len(), positions: positions.len() });
        }
        let mut expected = 0;
        for (index, segment) in segments.iter().enumerate() {
            let Range { start, end } = segment.range;
            if start != expected || end <= start {
                return Err(LayoutError::Range { segment: index, start, end, expected });
            }
            if let Some(parent) = segment.parent.filter(|&parent| parent >= index) {
                return Err(LayoutError::Parent { segment: index, parent });
            }
            expected = end;
        }
        if expected != tokens.len() {
            return Err(LayoutError::Uncovered { end: expected, tokens: tokens.len() });
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
            Some(index) => Err(LayoutError::Token { index, token: self.tokens[index], vocab_size }),
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
            return Err(LayoutError::Predictions {
                sources: self.sources.len(),
                targets: self.targets.len(),
            });
        }
        if let Some(index) = self.sources.iter().position(|&from| from >= tokens) {
            return Err(LayoutError::PredictionSource { index, from: self.sources[index], tokens });
        }
        match self.targets.iter().position(|&token| token as usize >= vocab_size) {
            None => Ok(()),
            Some(index) => {
                Err(LayoutError::PredictionTarget { index, token: self.targets[index], vocab_size })
            }
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
        let new = |positions: Vec<u32>, segments| TokenLayout::new(vec![1; 4], positions, segments);
        let four = || vec![0, 1, 2, 3];
        assert_eq!(TokenLayout::sequence(vec![], 0), Err(LayoutError::Empty));
        assert!(matches!(new(vec![0], vec![span(0..4, None)]), Err(LayoutError::Positions { .. })));
        assert!(matches!(new(four(), vec![span(1..4, None)]), Err(LayoutError::Range { .. })));
        assert!(matches!(new(four(), vec![span(0..0, None)]), Err(LayoutError::Range { .. })));
        assert!(matches!(new(four(), vec![span(0..3, None)]), Err(LayoutError::Uncovered { .. })));
        assert!(matches!(new(four(), vec![span(0..4, Some(0))]), Err(LayoutError::Parent { .. })));
    }
}
