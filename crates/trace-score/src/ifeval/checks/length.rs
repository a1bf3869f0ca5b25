//! Sentences and paragraphs.

use crate::ifeval::punkt::sentences;
use crate::python::{is_blank, lower_char, split_whitespace};

pub(super) fn sentence_count(text: &str) -> u64 {
    sentences(text).len() as u64
}

/// The number of paragraphs with `***` between them, unless one in the middle is blank.
///
/// The official divider takes in white space around it, which does not change whether a paragraph is blank.
pub(super) fn starred_paragraphs(text: &str) -> Option<u64> {
    let pieces: Vec<&str> = text.split("***").collect();
    let last = pieces.len() - 1;
    let mut count = 0;
    for (index, piece) in pieces.into_iter().enumerate() {
        match is_blank(piece) {
            false => count += 1,
            true if index == 0 || index == last => {}
            true => return None,
        }
    }
    Some(count)
}

/// Whether there are so many paragraphs with empty lines between them, of which the nth begins with `first_word`.
///
/// Blank paragraphs do not count, but they have an index.
pub(super) fn has_first_word(text: &str, paragraphs: u64, nth: u64, first_word: &str) -> bool {
    let pieces: Vec<&str> = text.split("\n\n").collect();
    let count = pieces.iter().filter(|piece| !is_blank(piece)).count() as u64;
    let index = usize::try_from(nth.saturating_sub(1)).unwrap_or(usize::MAX);
    let nth = pieces.get(index).filter(|_| nth <= count).and_then(|piece| split_whitespace(piece).next());
    nth.is_some_and(|word| count == paragraphs && without_punctuation(word) == first_word)
}

/// The word in lower case, up to its first punctuation mark; quotation marks before it do not count.
fn without_punctuation(word: &str) -> String {
    let word = word.trim_start_matches('\'').trim_start_matches('"');
    let letters = word.chars().take_while(|c| !matches!(c, '.' | ',' | '?' | '!' | '\'' | '"'));
    letters.flat_map(lower_char).collect()
}
