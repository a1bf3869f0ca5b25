//! One line of items.

use crate::values::{ListMark, OutputFormat, Separator};

/// What the line of an item begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Marker {
    /// The kind of mark.
    pub(crate) kind: ListMark,
    /// The number, in marks that have one and write it as lists do.
    pub(crate) number: Option<usize>,
}

/// How a line holds its items.
#[derive(Debug)]
pub(super) enum LineShape {
    /// One item after a mark.
    Marked(Marker),
    /// Items in a data format.
    Formatted(OutputFormat),
    /// Items with these different separators between them.
    Separated(Vec<Separator>),
}

/// The shape of a line and the texts of its items.
pub(super) fn read_line(line: &str) -> (LineShape, Vec<String>) {
    if let Some((format, texts)) = formatted(line) {
        return (LineShape::Formatted(format), texts);
    }
    if let Some((marker, rest)) = marked(line) {
        return (LineShape::Marked(marker), vec![rest.to_owned()]);
    }
    let (separators, texts) = separated(line);
    (LineShape::Separated(separators), texts)
}

fn formatted(line: &str) -> Option<(OutputFormat, Vec<String>)> {
    let between = |start: &str, end: &str, separator: &str| {
        let inner = line.strip_prefix(start)?.strip_suffix(end)?;
        Some(inner.split(separator).map(str::to_owned).collect())
    };
    if let Ok(texts) = serde_json::from_str::<Vec<String>>(line) {
        return Some((OutputFormat::Json, texts));
    }
    let html = || between("<li>", "</li>", "</li><li>").map(|texts| (OutputFormat::Html, texts));
    let latex = || between("\\item ", "", " \\item ").map(|texts| (OutputFormat::Latex, texts));
    let table = || between("| ", " |", " | ").map(|texts| (OutputFormat::Table, texts));
    html().or_else(latex).or_else(table)
}

fn marked(line: &str) -> Option<(Marker, &str)> {
    let plain = |kind| Marker { kind, number: None };
    if let Some(rest) = line.strip_prefix("- ") {
        return Some((plain(ListMark::Dashes), rest));
    }
    if let Some(rest) = line.strip_prefix("* ") {
        return Some((plain(ListMark::Stars), rest));
    }
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = line.split_at(digits);
    // `01` parses, and is not how a list is numbered.
    let is_plain = digits == 1 || !number.starts_with('0');
    let number = number.parse().ok().filter(|_| is_plain);
    let numbered = |kind| (digits > 0).then_some(Marker { kind, number });
    if let Some(rest) = rest.strip_prefix(". ") {
        return Some((numbered(ListMark::Dots)?, rest));
    }
    let rest = rest.strip_prefix(") ")?;
    Some((numbered(ListMark::Brackets)?, rest))
}

/// Splits at every separator; a line without one is one text.
fn separated(line: &str) -> (Vec<Separator>, Vec<String>) {
    let mut used = Vec::new();
    let mut texts = Vec::new();
    let mut rest = line;
    while let Some((at, separator)) = next_separator(rest) {
        texts.push(rest[..at].to_owned());
        rest = &rest[at + separator.text().len()..];
        if !used.contains(&separator) {
            used.push(separator);
        }
    }
    texts.push(rest.to_owned());
    (used, texts)
}

fn next_separator(text: &str) -> Option<(usize, Separator)> {
    let found =
        Separator::ALL.into_iter().filter_map(|separator| Some((text.find(separator.text())?, separator)));
    found.min_by_key(|(at, _)| *at)
}
