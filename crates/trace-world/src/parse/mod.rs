//! Reading a response: which lines it has around its items, how these are laid out, and what each is.
//!
//! Nothing here knows the task, and nothing is shared with the responder but the words themselves.

mod entry;
mod line;
mod phrase;

pub(crate) use entry::{Before, Entry, Mark, Setting};
pub(crate) use line::Marker as ListMarker;
pub(crate) use phrase::Phrase;

use self::line::{LineShape, Marker, read_line};
use crate::values::{OutputFormat, Separator, Side};

/// How the items are laid out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Layout {
    /// On one line, with these different separators between them.
    Separated(Vec<Separator>),
    /// In a data format, on one line.
    Formatted(OutputFormat),
    /// One on each line, with these marks.
    Listed(Vec<Marker>),
    /// Anything else.
    Other,
}

/// What a response consists of.
#[derive(Debug)]
pub(crate) struct Response {
    /// The known lines before and after the items, in order.
    pub(crate) phrases: Vec<(Side, Phrase)>,
    /// Whether there is a line that is neither a known one nor one of items, or any line between items.
    pub(crate) stray: bool,
    /// How the items are laid out.
    pub(crate) layout: Layout,
    /// The items.
    pub(crate) entries: Vec<Entry>,
}

impl Response {
    /// Reads a response; `None` when it names no thing of the world. White space at its ends does not count.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let lines: Vec<&str> = text.trim().split('\n').collect();
        let bodies: Vec<Option<(LineShape, Vec<Entry>)>> = lines.iter().map(|line| body_line(line)).collect();
        let first = bodies.iter().position(Option::is_some)?;
        let last = bodies.iter().rposition(Option::is_some)?;
        let mut stray = bodies[first..=last].iter().any(Option::is_none);
        let mut phrases = Vec::new();
        for (index, line) in lines.iter().enumerate() {
            if (first..=last).contains(&index) {
                continue;
            }
            let side = if index < first { Side::Before } else { Side::After };
            match Phrase::read(line) {
                Some(phrase) => phrases.push((side, phrase)),
                None => stray = true,
            }
        }
        let (shapes, entries): (Vec<_>, Vec<_>) = bodies.into_iter().flatten().unzip();
        Some(Self {
            phrases,
            stray,
            layout: layout(shapes),
            entries: entries.into_iter().flatten().collect(),
        })
    }
}

/// A line that names at least one thing of the world.
fn body_line(line: &str) -> Option<(LineShape, Vec<Entry>)> {
    let (shape, texts) = read_line(line);
    let entries: Vec<Entry> = texts.iter().map(|text| Entry::read(text)).collect();
    entries.iter().any(|entry| entry.name.is_some()).then_some((shape, entries))
}

fn layout(mut shapes: Vec<LineShape>) -> Layout {
    let markers: Vec<Marker> = shapes
        .iter()
        .filter_map(|shape| match shape {
            LineShape::Marked(marker) => Some(*marker),
            _ => None,
        })
        .collect();
    if markers.len() == shapes.len() {
        return Layout::Listed(markers);
    }
    match (shapes.pop(), shapes.pop()) {
        (Some(LineShape::Separated(separators)), None) => Layout::Separated(separators),
        (Some(LineShape::Formatted(format)), None) => Layout::Formatted(format),
        _ => Layout::Other,
    }
}
