//! Tokens and what their form says of a sentence's end.

use super::tables::{Tables, WordUse};
use crate::python::{first_is_lower, first_is_upper, is_decimal, is_word, lower};

/// The type of every number.
const NUMBER: &str = "##number##";

/// Tokens that begin no sentence.
const PUNCTUATION: [&str; 6] = [";", ":", ",", ".", "!", "?"];

/// A word or a piece of punctuation.
#[derive(Debug)]
pub(super) struct Token<'t> {
    text: &'t str,
    /// The word without case; one type for all numbers.
    kind: String,
    /// Whether a sentence ends here, as far as the token itself shows.
    sentence_break: bool,
    abbreviation: bool,
    ellipsis: bool,
}

/// The evidence from a word's other uses on whether it starts a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    Yes,
    No,
    Unknown,
}

impl<'t> Token<'t> {
    /// Judges a token by its form (4.1): marks and words with a period end a sentence, abbreviations do not.
    pub(super) fn new(text: &'t str, tables: &Tables) -> Self {
        let kind = if is_number(text) { NUMBER.to_owned() } else { lower(text) };
        let mut token = Self { text, kind, sentence_break: false, abbreviation: false, ellipsis: false };
        match text.strip_suffix('.') {
            _ if matches!(text, "." | "?" | "!") => token.sentence_break = true,
            Some(word) if word.chars().all(|c| c == '.') => token.ellipsis = true,
            Some(word) if !word.ends_with('.') => {
                let word = lower(word);
                let last_part = word.rsplit('-').next().unwrap_or(&word);
                token.abbreviation = tables.is_abbreviation(&word) || tables.is_abbreviation(last_part);
                token.sentence_break = !token.abbreviation;
            }
            _ => {}
        }
        token
    }

    /// Whether the sentence ends after this token, with `next` to judge by (4.2, 4.3).
    pub(super) fn ends_sentence_before(&self, next: &Self, tables: &Tables) -> bool {
        if !self.text.ends_with('.') {
            return self.sentence_break;
        }
        let kind = without_period(&self.kind);
        let next_kind = if next.sentence_break { without_period(&next.kind) } else { next.kind.as_str() };
        let initial = is_initial(self.text);
        if tables.is_collocation(kind, next_kind) {
            return false;
        }
        let start = next.start(next_kind, tables);
        let starts = start == Start::Yes || next.is_upper() && tables.is_sentence_starter(next_kind);
        if (self.abbreviation || self.ellipsis) && !initial && starts {
            return true;
        }
        if initial || kind == NUMBER {
            let always_capitalised = next.is_upper() && tables.use_of(next_kind).is_none();
            if start == Start::No || start == Start::Unknown && initial && always_capitalised {
                return false;
            }
        }
        self.sentence_break
    }

    /// Whether a sentence begins here, by how the word is written elsewhere (4.1.1).
    fn start(&self, kind: &str, tables: &Tables) -> Start {
        if PUNCTUATION.contains(&self.text) {
            return Start::No;
        }
        match tables.use_of(kind) {
            Some(WordUse::LowerCase | WordUse::LowerCaseStart) if self.is_upper() => Start::Yes,
            Some(WordUse::LowerCaseStart) if first_is_lower(self.text) => Start::Unknown,
            _ if first_is_lower(self.text) => Start::No,
            _ => Start::Unknown,
        }
    }

    fn is_upper(&self) -> bool {
        first_is_upper(self.text)
    }
}

/// The type without a final period, unless it is one.
fn without_period(kind: &str) -> &str {
    kind.strip_suffix('.').filter(|rest| !rest.is_empty()).unwrap_or(kind)
}

/// A letter and a period.
fn is_initial(text: &str) -> bool {
    let mut chars = text.chars();
    let letter = chars.next().is_some_and(|c| is_word(c) && !is_decimal(c));
    letter && chars.as_str() == "."
}

/// Digits, perhaps with a sign, with commas, periods and hyphens in between.
fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let digits = unsigned.strip_prefix(['.', ',']).unwrap_or(unsigned);
    digits.starts_with(is_decimal) && digits.chars().all(|c| is_decimal(c) || matches!(c, ',' | '.' | '-'))
}
