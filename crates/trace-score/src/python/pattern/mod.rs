//! Regular expressions of Python's `re`, compiled for `fancy_regex`.

mod ignore_case;
mod parse;
mod syntax;

use fancy_regex::{Regex, RegexBuilder};
use thiserror::Error;

use super::is_word;
use parse::Parser;

/// So many steps back are tried before a search is given up.
const BACKTRACK_LIMIT: usize = 10_000_000;

/// An expression that cannot be used, or a search without an answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages name the fields")]
pub enum PatternError {
    /// Python's `re.compile` raises `re.error`; the position is counted from 0.
    #[error("{pattern:?} is not a regular expression: {reason} at character {position}")]
    Invalid { pattern: String, reason: &'static str, position: usize },
    /// Python accepts the expression, but nothing here has the same meaning, or its translation is too large.
    #[error("{pattern:?} has no equivalent here: {reason}")]
    Unsupported { pattern: String, reason: String },
    /// A search took more than 10,000,000 steps back.
    #[error("the search for {pattern:?} was given up: {reason}")]
    GivenUp { pattern: String, reason: String },
}

/// The flags of Python's `re.compile` that the checkers use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PatternOptions {
    /// `re.IGNORECASE`: one character for one, with `k` and the Kelvin sign, `s` and `ſ`, `i`, `ı` and `İ` alike.
    pub ignore_case: bool,
    /// `re.MULTILINE`: `^` and `$` at every line.
    pub multi_line: bool,
}

/// An expression of Python's `re`, ready to search.
///
/// `\w`, `\d`, `\s` and `\b` have Python's meaning, which is not that of Rust's `regex`: words consist of letters,
/// numbers and underscores, without marks.
///
/// ```
/// use trace_score::ifeval::{Pattern, PatternOptions};
///
/// let word = Pattern::new(r"\bgood\b", PatternOptions { ignore_case: true, multi_line: false })?;
/// assert!(word.is_match("GOOD\u{301}")?);
/// assert!(!word.is_match("good²")?);
/// # Ok::<(), trace_score::ifeval::PatternError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Pattern {
    source: String,
    regex: Regex,
    /// The same expression, not matching nothing where the search starts; absent where it cannot match nothing.
    advancing: Option<Regex>,
    whole_word: bool,
}

impl Pattern {
    /// Compiles `pattern`.
    ///
    /// # Errors
    ///
    /// [`PatternError::Invalid`] or [`PatternError::Unsupported`].
    pub fn new(pattern: &str, options: PatternOptions) -> Result<Self, PatternError> {
        let translated = Parser::translate(pattern, options)?;
        let regex = compile(pattern, &translated)?;
        let matches_nothing = regex.is_match("").unwrap_or(true) || translated.contains("(?");
        let advancing = match matches_nothing {
            true => Some(compile(pattern, &format!("(?:{translated})(?!\\G)"))?),
            false => None,
        };
        Ok(Self { source: pattern.to_owned(), regex, advancing, whole_word: false })
    }

    /// Compiles `\bPATTERN\b`.
    ///
    /// # Errors
    ///
    /// As [`Pattern::new`].
    pub fn whole_word(pattern: &str, options: PatternOptions) -> Result<Self, PatternError> {
        if !syntax::is_literal(pattern) {
            return Self::new(&format!(r"\b{pattern}\b"), options);
        }
        // A literal has one way to match at a place, so its ends can be looked at afterwards. The engine is a hundred
        // times faster without looking around.
        let literal = Self::new(pattern, options)?;
        Ok(Self { source: format!(r"\b{pattern}\b"), whole_word: true, ..literal })
    }

    /// Whether `pattern` stands for itself alone.
    pub(crate) fn is_literal(pattern: &str) -> bool {
        syntax::is_literal(pattern)
    }

    /// The expression as Python would write it.
    pub fn as_str(&self) -> &str {
        &self.source
    }

    /// Whether `re.search` finds something.
    ///
    /// # Errors
    ///
    /// [`PatternError::GivenUp`].
    pub fn is_match(&self, text: &str) -> Result<bool, PatternError> {
        if !self.whole_word {
            return self.regex.is_match(text).map_err(|error| self.given_up(&error));
        }
        let mut from = 0;
        while let Some((start, end)) = self.find(&self.regex, text, from)? {
            if at_boundary(text, start) && at_boundary(text, end) {
                return Ok(true);
            }
            from = start + text[start..].chars().next().map_or(1, char::len_utf8);
        }
        Ok(false)
    }

    /// The number of matches that `re.findall` lists.
    ///
    /// Nothing may be matched right after something, but not twice at one place.
    ///
    /// # Errors
    ///
    /// [`PatternError::GivenUp`].
    pub fn count(&self, text: &str) -> Result<u64, PatternError> {
        let mut count = 0;
        let mut from = 0;
        let mut after_nothing = false;
        loop {
            let regex = match &self.advancing {
                Some(advancing) if after_nothing => advancing,
                _ => &self.regex,
            };
            let Some((start, end)) = self.find(regex, text, from)? else {
                return Ok(count);
            };
            count += 1;
            after_nothing = start == end;
            from = end;
            if after_nothing && self.advancing.is_none() {
                from += text[end..].chars().next().map_or(1, char::len_utf8);
            }
        }
    }

    /// The number of groups that keep what they matched.
    pub fn groups(&self) -> usize {
        self.regex.captures_len() - 1
    }

    fn find(&self, regex: &Regex, text: &str, from: usize) -> Result<Option<(usize, usize)>, PatternError> {
        if from > text.len() {
            return Ok(None);
        }
        let found = regex.find_from_pos(text, from).map_err(|error| self.given_up(&error))?;
        Ok(found.map(|found| (found.start(), found.end())))
    }

    fn given_up(&self, error: &fancy_regex::Error) -> PatternError {
        PatternError::GivenUp { pattern: self.source.clone(), reason: error.to_string() }
    }
}

/// Whether a word starts or ends between the characters before and after `at`.
fn at_boundary(text: &str, at: usize) -> bool {
    let before = text[..at].chars().next_back().is_some_and(is_word);
    before != text[at..].chars().next().is_some_and(is_word)
}

fn compile(source: &str, translated: &str) -> Result<Regex, PatternError> {
    RegexBuilder::new(translated)
        .backtrack_limit(BACKTRACK_LIMIT)
        .build()
        .map_err(|error| PatternError::Unsupported { pattern: source.to_owned(), reason: error.to_string() })
}

#[cfg(test)]
mod tests;
