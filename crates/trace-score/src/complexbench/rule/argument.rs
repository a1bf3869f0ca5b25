//! Where the argument of a rule lies in its text, by the official patterns.
//!
//! A pattern without the suffix `across` does not reach over line ends. The first place of the rule's name where a
//! pattern fits counts, and one line end after the argument is left out.

use crate::complexbench::python_error::PythonError;
use crate::python::strip;

/// The list after `name:`, brackets included, on one line.
pub(super) fn list_within<'a>(rule: &'a str, name: &str) -> Option<&'a str> {
    places(rule, name).find(|body| is_list(body) && !body.contains('\n'))
}

/// The list after `name:`, brackets included.
pub(super) fn list_across<'a>(rule: &'a str, name: &str) -> Option<&'a str> {
    places(rule, name).find(|body| is_list(body))
}

/// The members of the list after `name:` on one line, trimmed.
pub(super) fn list(rule: &str, name: &str) -> Result<Vec<String>, PythonError> {
    let argument = list_within(rule, name).ok_or(PythonError::Index("list"))?;
    Ok(split_list(argument).into_iter().map(|member| strip(member).to_owned()).collect())
}

/// The members of a list, as they are; an empty list has one empty member.
pub(super) fn split_list(argument: &str) -> Vec<&str> {
    argument.trim_matches(['[', ']']).split(',').collect()
}

/// The text after `name:` on one line.
pub(super) fn text<'a>(rule: &'a str, name: &str) -> Result<&'a str, PythonError> {
    places(rule, name).find(|body| !body.contains('\n')).ok_or(PythonError::Index("list"))
}

/// The text after `name:`.
pub(super) fn text_across<'a>(rule: &'a str, name: &str) -> Result<&'a str, PythonError> {
    places(rule, name).next().ok_or(PythonError::Index("list"))
}

/// The texts after `first:` and, on a line of its own, `second:`.
pub(super) fn text_pair<'a>(
    rule: &'a str,
    first: &str,
    second: &str,
) -> Result<(&'a str, &'a str), PythonError> {
    let line = format!("\n{second}:");
    places(rule, first).find_map(|body| body.split_once(&line)).ok_or(PythonError::Attribute)
}

/// The lists after `first:` and, on a line of its own, `second:`.
pub(super) fn list_pair<'a>(
    rule: &'a str,
    first: &str,
    second: &str,
) -> Result<(&'a str, &'a str), PythonError> {
    let line = format!("\n{second}:");
    let pair = |body: &'a str| {
        let cut = |(at, found): (usize, &str)| (&body[..at], &body[at + found.len()..]);
        body.match_indices(&line).map(cut).find(|(a, b)| is_list(a) && is_list(b))
    };
    places(rule, first).find_map(pair).ok_or(PythonError::Attribute)
}

/// What follows each `name:`, without one line end at the end.
fn places<'a>(rule: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let name = format!("{name}:");
    let mut from = 0;
    std::iter::from_fn(move || {
        from += rule[from..].find(&name)? + name.len();
        let rest = &rule[from..];
        Some(rest.strip_suffix('\n').unwrap_or(rest))
    })
}

fn is_list(body: &str) -> bool {
    body.len() >= 2 && body.starts_with('[') && body.ends_with(']')
}
