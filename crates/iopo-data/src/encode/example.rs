use crate::TokenSequence;

/// One training example as token ids.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum EncodedExample {
    /// One prompt and its completion.
    Sequence(TokenSequence),
    /// One prompt, a better and a worse completion.
    Pair {
        /// The prompt.
        prompt: Vec<u32>,
        /// The better completion.
        chosen: Vec<u32>,
        /// The worse completion.
        rejected: Vec<u32>,
    },
    /// Two prompts and the completion that belongs to each.
    Group {
        /// The first prompt.
        x1: Vec<u32>,
        /// The second prompt.
        x2: Vec<u32>,
        /// The completion that belongs to `x1`.
        y1: Vec<u32>,
        /// The completion that belongs to `x2`.
        y2: Vec<u32>,
    },
}

impl EncodedExample {
    /// The sequences that a loss looks at, always in this order: `[sequence]`,
    /// `[chosen, rejected]`, or `[x1_y1, x1_y2, x2_y1, x2_y2]`.
    pub fn sequences(&self) -> Vec<TokenSequence> {
        let join = |prompt: &[u32], completion: &[u32]| TokenSequence {
            prompt: prompt.to_vec(),
            completion: completion.to_vec(),
        };
        match self {
            Self::Sequence(sequence) => vec![sequence.clone()],
            Self::Pair { prompt, chosen, rejected } => vec![join(prompt, chosen), join(prompt, rejected)],
            Self::Group { x1, x2, y1, y2 } => {
                vec![join(x1, y1), join(x1, y2), join(x2, y1), join(x2, y2)]
            }
        }
    }

    /// Number of sequences: 1, 2 or 4.
    pub fn num_sequences(&self) -> usize {
        match self {
            Self::Sequence(_) => 1,
            Self::Pair { .. } => 2,
            Self::Group { .. } => 4,
        }
    }

    pub(super) fn prompts_mut(&mut self) -> Vec<&mut Vec<u32>> {
        match self {
            Self::Sequence(sequence) => vec![&mut sequence.prompt],
            Self::Pair { prompt, .. } => vec![prompt],
            Self::Group { x1, x2, .. } => vec![x1, x2],
        }
    }

    pub(super) fn completions_mut(&mut self) -> Vec<&mut Vec<u32>> {
        match self {
            Self::Sequence(sequence) => vec![&mut sequence.completion],
            Self::Pair { chosen, rejected, .. } => vec![chosen, rejected],
            Self::Group { y1, y2, .. } => vec![y1, y2],
        }
    }
}
