//! Placeholders, postscripts and set answers.

use crate::ifeval::{CheckError, PostscriptMarker};
use crate::python::{is_space, lower};

/// The number of pairs of square brackets on one line, from an opening one to the next closing one.
pub(super) fn placeholders(text: &str) -> u64 {
    text.split('\n').map(placeholders_of_line).sum()
}

fn placeholders_of_line(line: &str) -> u64 {
    let mut count = 0;
    let mut rest = line;
    // Where one bracket is not closed on the line, none after it is.
    while let Some((_, inside)) = rest.split_once('[')
        && let Some((_, after)) = inside.split_once(']')
    {
        count += 1;
        rest = after;
    }
    count
}

/// Whether the sign of a postscript stands anywhere, in any case.
pub(super) fn has_postscript(text: &str, marker: &PostscriptMarker) -> Result<bool, CheckError> {
    let text = lower(text);
    match marker {
        PostscriptMarker::Ps => Ok(stands(&text, &["p.", "s."])),
        PostscriptMarker::Pps => Ok(stands(&text, &["p.", "p.", "s"])),
        PostscriptMarker::Other(pattern) => Ok(pattern.is_match(&text)?),
    }
}

/// Whether the parts follow one another with at most one white space character between two.
fn stands(text: &str, parts: &[&str]) -> bool {
    let Some((first, others)) = parts.split_first() else {
        return true;
    };
    text.match_indices(first).any(|(at, _)| {
        let after_first = &text[at + first.len()..];
        let parts = others.iter().try_fold(after_first, |rest, part| {
            rest.strip_prefix(is_space).unwrap_or(rest).strip_prefix(part)
        });
        parts.is_some()
    })
}

/// Whether one of the three answers stands anywhere.
pub(super) fn is_constrained(text: &str) -> bool {
    ["My answer is yes.", "My answer is no.", "My answer is maybe."]
        .iter()
        .any(|answer| text.contains(answer))
}
