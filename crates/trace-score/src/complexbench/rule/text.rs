//! Texts as the rules compare them.

use crate::complexbench::python_error::PythonError;
use crate::python::split_whitespace;

/// The punctuation of ASCII, and the character that the official program puts in its place.
const PUNCTUATION: [(char, char); 32] = [
    ('!', '！'),
    ('"', '"'),
    ('#', '＃'),
    ('$', '＄'),
    ('%', '％'),
    ('&', '＆'),
    ('\'', '\''),
    ('(', '（'),
    (')', '）'),
    ('*', '＊'),
    ('+', '+'),
    (',', '，'),
    ('-', '-'),
    ('.', '。'),
    ('/', '/'),
    (':', '：'),
    (';', '；'),
    ('<', '<'),
    ('=', '='),
    ('>', '>'),
    ('?', '？'),
    ('@', '@'),
    ('[', '['),
    ('\\', '＼'),
    (']', ']'),
    ('^', '＾'),
    ('_', '_'),
    ('`', '`'),
    ('{', '{'),
    ('|', '|'),
    ('}', '}'),
    ('~', '~'),
];

/// The text with Chinese punctuation for that of ASCII, and straight double quotes.
pub(super) fn chinese(text: &str) -> String {
    let mark = |c: char| match c {
        '“' | '”' => '"',
        _ => PUNCTUATION.iter().find(|(ascii, _)| *ascii == c).map_or(c, |(_, chinese)| *chinese),
    };
    text.chars().map(mark).collect()
}

/// The text without line ends in front and without one pair of quotes around it.
pub(super) fn unquoted(text: &str) -> Result<&str, PythonError> {
    let body = text.trim_start_matches('\n');
    if body.is_empty() && !text.is_empty() {
        return Err(PythonError::Index("string"));
    }
    let closed = body.starts_with(['"', '“', '`']) && body.ends_with(['"', '”', '`']);
    let opened = body.strip_prefix(['"', '“', '`']).filter(|_| closed);
    // A single straight mark is both the first and the last character.
    Ok(opened.map_or(body, |opened| opened.strip_suffix(['"', '”', '`']).unwrap_or_default()))
}

pub(super) fn starts_with(text: &str, start: &str) -> bool {
    text.starts_with(&chinese(start))
}

/// Whether the text ends so, or so with a full stop or question mark after it.
pub(super) fn ends_with(text: &str, end: &str) -> bool {
    let end = chinese(end);
    let stopped = text.strip_suffix(['。', '？']);
    text.ends_with(&end) || stopped.is_some_and(|text| text.ends_with(&end))
}

pub(super) fn contains(text: &str, word: &str) -> bool {
    text.contains(&chinese(word))
}

/// Whether the text has no punctuation of the table above but what is allowed.
pub(super) fn only_punctuation(text: &str, allowed: &[String]) -> bool {
    let allowed: Vec<String> = allowed.iter().map(|mark| chinese(mark)).collect();
    let stray = |mark: char| text.contains(mark) && !allowed.iter().any(|known| known.chars().eq([mark]));
    !PUNCTUATION.iter().any(|&(_, mark)| stray(mark))
}

pub(super) fn length(text: &str) -> f64 {
    text.chars().count() as f64
}

pub(super) fn words(text: &str) -> f64 {
    split_whitespace(text).count() as f64
}
