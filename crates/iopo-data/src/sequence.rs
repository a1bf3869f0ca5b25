use std::ops::Range;

/// One prompt and one completion, as token ids.
///
/// The completion ends with the end-of-sequence id unless a length limit cut it
/// off; every completion token is supervised, no prompt token is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TokenSequence {
    /// The tokens that the model is given.
    pub prompt: Vec<u32>,
    /// The tokens that the model is trained to answer.
    pub completion: Vec<u32>,
}

impl TokenSequence {
    /// Number of tokens of prompt and completion together.
    #[expect(clippy::len_without_is_empty, reason = "a sequence that could be empty is refused by the trie")]
    pub fn len(&self) -> usize {
        self.prompt.len() + self.completion.len()
    }

    /// The tokens at depths `range` of prompt and completion laid end to end.
    pub(crate) fn tokens(&self, range: Range<usize>) -> impl Iterator<Item = u32> + '_ {
        let prompt = self.prompt.len();
        let end = range.end.min(self.len());
        let in_prompt = range.start.min(prompt)..end.min(prompt);
        let in_completion = range.start.max(prompt)..end.max(prompt);
        self.prompt[in_prompt]
            .iter()
            .chain(&self.completion[in_completion.start - prompt..in_completion.end - prompt])
            .copied()
    }
}
