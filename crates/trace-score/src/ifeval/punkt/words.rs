//! Words of one line, with their periods.

use super::WORD_ENDS;
use crate::python::is_space;

/// Punctuation that begins no word.
const NO_START: [char; 16] = ['(', '"', '`', '{', '[', ':', ';', '&', '#', '*', '@', ')', '}', ']', '-', ','];

/// The tokens of a line without newlines.
///
/// Words reach up to white space or punctuation other than a period; two or more hyphens or periods are one token, as
/// are three or more periods with single spaces between them.
pub(super) fn words(line: &str) -> impl Iterator<Item = &str> {
    let mut rest = line;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(is_space);
        let first = rest.chars().next()?;
        let length = match dots_or_dashes(rest) {
            Some(length) => length,
            None if NO_START.contains(&first) => first.len_utf8(),
            None => word_length(rest, first.len_utf8()),
        };
        let token;
        (token, rest) = rest.split_at(length);
        Some(token)
    })
}

/// The bytes of a word whose first character has `first` bytes.
fn word_length(text: &str, first: usize) -> usize {
    let ends = |&(at, _): &(usize, char)| at >= first && ends_word(&text[at..]);
    text.char_indices().find(ends).map_or(text.len(), |(at, _)| at)
}

/// Whether a word cannot go on with `rest`.
fn ends_word(rest: &str) -> bool {
    match rest.strip_prefix(',') {
        Some(after) => is_end(after),
        None => is_end(rest),
    }
}

fn is_end(rest: &str) -> bool {
    let ends = |c: char| is_space(c) || WORD_ENDS.contains(&c);
    rest.chars().next().is_none_or(ends) || dots_or_dashes(rest).is_some()
}

/// The bytes of "--", "..", ". . ." or more of the same at the start.
fn dots_or_dashes(text: &str) -> Option<usize> {
    for mark in ['-', '.'] {
        let length = text.len() - text.trim_start_matches(mark).len();
        if length >= 2 {
            return Some(length);
        }
    }
    let mut rest = text;
    let mut pairs = 0;
    while let Some(after) = rest.strip_prefix('.').and_then(|after| after.strip_prefix(is_space)) {
        rest = after;
        pairs += 1;
    }
    // Without a period after the last pair, that pair's own period is the last one.
    match rest.starts_with('.') {
        true if pairs >= 2 => Some(text.len() - rest.len() + 1),
        false if pairs >= 3 => {
            let last = text[..text.len() - rest.len()].trim_end_matches(is_space);
            Some(last.len())
        }
        _ => None,
    }
}
