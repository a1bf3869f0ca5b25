//! Pieces of the two syntaxes: what Python's escapes stand for, and how a class is written for the engine.

use std::fmt::Write;

use regex_syntax::hir::ClassUnicode;

use super::ignore_case::{is_small, without_case};
use crate::python::chars::{class, single};

/// Whether `pattern` stands for itself alone.
pub(super) fn is_literal(pattern: &str) -> bool {
    !pattern.contains(['.', '^', '$', '*', '+', '?', '{', '}', '[', ']', '\\', '|', '(', ')'])
}

/// The class of `\w`, `\d`, `\s` and their opposites.
pub(super) fn category(letter: char) -> Option<ClassUnicode> {
    let mut found = match letter.to_ascii_lowercase() {
        'w' => class(r"[[\p{L}\p{N}_]&&\p{Age:14.0}]"),
        'd' => class(r"[\p{Nd}&&\p{Age:14.0}]"),
        's' => class(r"[\p{White_Space}\x1c-\x1f]"),
        _ => return None,
    };
    if letter.is_ascii_uppercase() {
        found.negate();
    }
    Some(found)
}

/// The control character that a letter after a backslash stands for.
pub(super) fn control(letter: char) -> Option<char> {
    match letter {
        'a' => Some('\x07'),
        'f' => Some('\x0c'),
        'n' => Some('\n'),
        'r' => Some('\r'),
        't' => Some('\t'),
        'v' => Some('\x0b'),
        _ => None,
    }
}

/// A character, or those that are the same without case.
pub(super) fn literal(c: char, ignore_case: bool) -> String {
    match ignore_case {
        true => render(&without_case(&single(c))),
        false => render(&single(c)),
    }
}

/// What a set has besides its categories, without case if wanted.
pub(super) fn folded(mut members: ClassUnicode, ignore_case: bool) -> ClassUnicode {
    match ignore_case {
        true if is_small(&members) => without_case(&members),
        true => {
            // Folding by Unicode alone: the few pairs that Python adds lie in the small sets.
            let _ = members.try_case_fold_simple();
            members
        }
        false => members,
    }
}

/// A word boundary; with `inverted`, any other place.
pub(super) fn boundary(inverted: bool) -> String {
    let word = category('w').map(|word| render(&word)).unwrap_or_default();
    match inverted {
        false => format!("(?:(?<={word})(?!{word})|(?<!{word})(?={word}))"),
        true => format!("(?:(?<={word})(?={word})|(?<!{word})(?!{word}))"),
    }
}

/// A class as the engine reads it.
pub(super) fn render(class: &ClassUnicode) -> String {
    let mut text = String::from("[");
    for range in class.iter() {
        // Writing to a string does not fail.
        let _ = write!(text, r"\x{{{:X}}}", u32::from(range.start()));
        if range.start() != range.end() {
            let _ = write!(text, r"-\x{{{:X}}}", u32::from(range.end()));
        }
    }
    match class.ranges().is_empty() {
        true => r"[^\x{0}-\x{10FFFF}]".to_owned(),
        false => text + "]",
    }
}
