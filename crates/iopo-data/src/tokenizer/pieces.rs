use super::{TextTokenizer, TokenizerError};

/// The pieces of text that one row is made of, each tokenised once.
///
/// The two prompts of a group begin with the same system text, and its two pairs have the same
/// responses. Equal texts have equal ids, so nothing but time is saved.
#[derive(Debug)]
pub(crate) struct Pieces<'a> {
    tokenizer: &'a TextTokenizer,
    known: Vec<(String, Vec<u32>)>,
}

impl<'a> Pieces<'a> {
    pub(crate) fn new(tokenizer: &'a TextTokenizer) -> Self {
        Self { tokenizer, known: Vec::new() }
    }

    pub(crate) fn tokenizer(&self) -> &'a TextTokenizer {
        self.tokenizer
    }

    /// The ids of a text, as [`TextTokenizer::encode`] gives them.
    pub(crate) fn encode(&mut self, text: &str) -> Result<&[u32], TokenizerError> {
        let index = match self.known.iter().position(|(known, _)| known == text) {
            Some(index) => index,
            None => {
                self.known.push((text.to_owned(), self.tokenizer.encode(text)?));
                self.known.len() - 1
            }
        };
        Ok(&self.known[index].1)
    }
}
