//! Lists, highlights and titles.

use crate::python::{is_blank, is_space};

/// The number of items of Markdown lists: with `*`, then with `-`.
pub(super) fn bullets(text: &str) -> u64 {
    let starred =
        |rest: &str| rest.strip_prefix('*')?.chars().next().filter(|&c| c != '*').map(|c| 1 + c.len_utf8());
    items(text, starred) + items(text, |rest| rest.starts_with('-').then_some(1))
}

/// The number of items whose mark `mark` measures; an item ends with its line.
///
/// White space before a mark may reach over lines. The character after a star may be the end of its line, in which case
/// the next line belongs to the item.
fn items(text: &str, mark: impl Fn(&str) -> Option<usize>) -> u64 {
    let mut count = 0;
    let mut from = 0;
    while let Some(start) = line_start(text, from) {
        let rest = text[start..].trim_start_matches(is_space);
        let indented = text.len() - rest.len();
        from = match mark(rest) {
            Some(length) => {
                count += 1;
                let after = indented + length;
                after + text[after..].find('\n').unwrap_or(text.len() - after)
            }
            // The lines that the white space reaches over have the same character before them.
            None => indented + rest.chars().next().map_or(1, char::len_utf8),
        };
    }
    count
}

/// The first start of a line from `from` on.
fn line_start(text: &str, from: usize) -> Option<usize> {
    if from == 0 || text.as_bytes().get(from - 1) == Some(&b'\n') {
        return Some(from);
    }
    text.get(from..)?.find('\n').map(|newline| from + newline + 1)
}

/// The number of highlighted parts: of one line, between single stars, and again between double ones.
pub(super) fn highlights(text: &str) -> u64 {
    between(text, "*") + between(text, "**")
}

/// The number of parts of one line that are not blank, without stars, between two of `mark`.
fn between(text: &str, mark: &str) -> u64 {
    let mut count = 0;
    let mut rest = text;
    while let Some(open) = rest.find(mark) {
        let inner = &rest[open + mark.len()..];
        let end = inner.find(['\n', '*']).filter(|&end| inner[end..].starts_with(mark));
        rest = match end {
            Some(end) => {
                count += u64::from(!is_blank(&inner[..end]));
                &inner[end + mark.len()..]
            }
            None => &rest[open + 1..],
        };
    }
    count
}

/// Whether something that is not blank stands in double angle brackets on one line.
pub(super) fn has_title(text: &str) -> bool {
    text.split('\n').any(|line| {
        // From the first opening brackets to the last closing ones, if a character is between them.
        let (Some(open), Some(close)) = (line.find("<<"), line.rfind(">>")) else { return false };
        let title = line.get(open..close + 2).filter(|_| close > open + 2);
        title.is_some_and(|title| !is_blank(title.trim_start_matches('<').trim_end_matches('>')))
    })
}
