//! Sentences, as NLTK 3.9.1 divides English text.
//!
//! # Source
//!
//! T. Kiss and J. Strunk (2006), *Unsupervised Multilingual Sentence Boundary Detection*, Computational Linguistics 32,
//! in the form of `nltk.tokenize.punkt` 3.9.1; the numbers of sections below are the paper's.

mod tables;
mod token;
mod words;

use crate::python::is_space;
use tables::Tables;
use token::Token;

/// Punctuation that ends a word, the period apart.
const WORD_ENDS: [char; 14] = [')', '"', ';', '}', ']', '*', ':', '@', '\'', '(', '{', '[', '?', '!'];

/// Punctuation that closes what was opened before a sentence ended.
const CLOSERS: [char; 5] = ['"', '\'', ')', ']', '}'];

/// A stretch of the text in bytes.
type Span = (usize, usize);

/// A period, question or exclamation mark that may end a sentence.
struct Candidate<'t> {
    /// Where it is.
    at: usize,
    /// What follows: punctuation, or white space and the next token.
    after: &'t str,
    /// Where the next token begins, if white space comes first.
    next_token: Option<usize>,
}

/// The sentences of an English text.
///
/// ```
/// use trace_score::ifeval::sentences;
///
/// assert_eq!(sentences("Mr. Smith is here. Ok."), ["Mr. Smith is here.", "Ok."]);
/// assert_eq!(sentences("1. One\n2. Two").len(), 3);
/// ```
pub fn sentences(text: &str) -> Vec<&str> {
    realign(text, &slices(text)).into_iter().map(|(start, end)| text.get(start..end).unwrap_or("")).collect()
}

/// Stretches between the marks that end a sentence.
fn slices(text: &str) -> Vec<Span> {
    let tables = Tables::english();
    let mut spans = Vec::new();
    let mut start = 0;
    for (word, candidate) in contexts(text) {
        let context = format!("{}{}", &text[word..=candidate.at], candidate.after);
        if has_break(tables, &context) {
            spans.push((start, candidate.at + 1));
            start = candidate.next_token.unwrap_or(candidate.at + 1);
        }
    }
    spans.push((start, text.trim_end_matches(is_space).len()));
    spans
}

/// The candidates that are looked at, each with the start of the word before it.
///
/// Of several candidates after one word, "!!!" for instance, the last counts.
fn contexts(text: &str) -> Vec<(usize, Candidate<'_>)> {
    let mut found: Vec<(usize, Candidate<'_>)> = Vec::new();
    let (mut word_start, mut word_end) = (0, 0);
    for candidate in candidates(text) {
        let before = &text[word_end..candidate.at];
        let is_blank = |c: char| matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c');
        // White space at the very start of the stretch does not begin a new word: NLTK takes the index 0 for "none".
        let new_word = before.rfind(is_blank).filter(|&blank| blank > 0).map(|blank| word_end + blank + 1);
        let start = new_word.unwrap_or(word_start);
        if !found.is_empty() && word_end > start {
            found.pop();
        }
        (word_start, word_end) = (start, candidate.at);
        found.push((start, candidate));
    }
    found
}

fn candidates(text: &str) -> impl Iterator<Item = Candidate<'_>> {
    let marks = text.char_indices().filter(|(_, c)| matches!(c, '.' | '?' | '!'));
    marks.filter_map(|(at, _)| candidate(text, at))
}

fn candidate(text: &str, at: usize) -> Option<Candidate<'_>> {
    let rest = &text[at + 1..];
    let first = rest.chars().next()?;
    if WORD_ENDS.contains(&first) {
        return Some(Candidate { at, after: &rest[..first.len_utf8()], next_token: None });
    }
    let token = rest.trim_start_matches(is_space);
    let space = rest.len() - token.len();
    if space == 0 || token.is_empty() {
        return None;
    }
    let length = token.find(is_space).unwrap_or(token.len());
    Some(Candidate { at, after: &rest[..space + length], next_token: Some(at + 1 + space) })
}

/// Whether a sentence ends within `context`, before its last token.
fn has_break(tables: &Tables, context: &str) -> bool {
    let words = context.split('\n').flat_map(words::words);
    let tokens: Vec<Token<'_>> = words.map(|word| Token::new(word, tables)).collect();
    tokens.windows(2).any(|pair| pair[0].ends_sentence_before(&pair[1], tables))
}

/// Moves closing punctuation to the sentence that it closes.
fn realign(text: &str, spans: &[Span]) -> Vec<Span> {
    let mut realigned = Vec::with_capacity(spans.len());
    let mut moved = 0;
    for (index, &(start, end)) in spans.iter().enumerate() {
        let start = start + moved;
        moved = 0;
        if let Some(&(next, next_end)) = spans.get(index + 1)
            && let Some((kept, taken)) = closing(text.get(next..next_end).unwrap_or(""))
        {
            moved = taken;
            realigned.push((start, next + kept));
        } else if start < end {
            realigned.push((start, end));
        }
    }
    realigned
}

/// The closing punctuation that begins `sentence`, without and with the white space after it.
///
/// It counts before white space, two hyphens or the end alone.
fn closing(sentence: &str) -> Option<(usize, usize)> {
    let rest = sentence.trim_start_matches(CLOSERS);
    let kept = sentence.len() - rest.len();
    let after = rest.trim_start_matches(is_space);
    let counts = rest.is_empty() || after.len() < rest.len() || rest.starts_with("--");
    (kept > 0 && counts).then(|| (kept, sentence.len() - after.len()))
}

#[cfg(test)]
mod tests;
