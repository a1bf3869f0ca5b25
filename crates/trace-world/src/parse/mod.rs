//! Reading a response: which lines it has around its items, how these are laid out, and what each is.
//!
//! Nothing here knows the task, and nothing is shared with the responder but the words themselves.

mod entry;

pub(crate) use entry::{Before, Entry, Mark, Setting};

use crate::values::{
    Audience, ConditionWord, Feeling, ListMark, ListedStep, OutputFormat, Role, Separator, Side, SpokenStep,
    TemplateLine, Tone,
};

/// How the items are laid out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Layout {
    /// On one line, with these different separators between them.
    Separated(Vec<Separator>),
    /// In a data format, on one line.
    Formatted(OutputFormat),
    /// One on each line, with these marks.
    Listed(Vec<ListMarker>),
    /// Anything else.
    Other,
}

/// The parts of a response.
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
    let markers: Vec<ListMarker> = shapes
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

/// What the line of an item begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ListMarker {
    /// The kind of mark.
    pub(crate) kind: ListMark,
    /// The number, in marks that have one and write it as lists do.
    pub(crate) number: Option<usize>,
}

/// How a line holds its items.
#[derive(Debug)]
enum LineShape {
    /// One item after a mark.
    Marked(ListMarker),
    /// Items in a data format.
    Formatted(OutputFormat),
    /// Items with these different separators between them.
    Separated(Vec<Separator>),
}

/// The shape of a line and the texts of its items.
fn read_line(line: &str) -> (LineShape, Vec<String>) {
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

fn marked(line: &str) -> Option<(ListMarker, &str)> {
    let plain = |kind| ListMarker { kind, number: None };
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
    let numbered = |kind| (digits > 0).then_some(ListMarker { kind, number });
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
    let mut from = 0;
    let next = |separator: Separator, from: usize| line[from..].find(separator.text()).map(|at| from + at);
    // Where each stands next: searching for all of them after each text would be quadratic.
    let mut ahead = Separator::ALL.map(|separator| (next(separator, 0), separator));
    while let Some((at, separator)) = first_of(&ahead) {
        texts.push(line[from..at].to_owned());
        from = at + separator.text().len();
        for (at, separator) in &mut ahead {
            if at.is_some_and(|at| at < from) {
                *at = next(*separator, from);
            }
        }
        if !used.contains(&separator) {
            used.push(separator);
        }
    }
    texts.push(line[from..].to_owned());
    (used, texts)
}

/// The separator that stands first, and where.
fn first_of(ahead: &[(Option<usize>, Separator)]) -> Option<(usize, Separator)> {
    let places = ahead.iter().filter_map(|&(at, separator)| Some((at?, separator)));
    places.min_by_key(|(at, _)| *at)
}

/// A known line; each belongs to one dimension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Phrase {
    /// `dear children`
    Salutation(Audience),
    /// `signed, the farmer`
    Signature(Role),
    /// `with pleasure`
    Opener(Tone),
    /// `hooray`
    Exclamation(Feeling),
    /// `ready`
    Spoken(SpokenStep),
    /// `start`
    Listed(ListedStep),
    /// `my list`
    Template(TemplateLine),
    /// `enough`
    Condition(ConditionWord),
    /// `# fruits`
    Heading {
        /// The number of `#`.
        level: usize,
        /// The rest.
        title: String,
    },
}

impl Phrase {
    /// The phrase that a line is.
    fn read(line: &str) -> Option<Self> {
        prefixed(line)
            .or_else(|| Tone::ALL.into_iter().find(|tone| tone.opener() == line).map(Self::Opener))
            .or_else(|| {
                Feeling::ALL.into_iter().find(|feeling| feeling.exclamation() == line).map(Self::Exclamation)
            })
            .or_else(|| SpokenStep::ALL.into_iter().find(|step| step.word() == line).map(Self::Spoken))
            .or_else(|| ListedStep::ALL.into_iter().find(|step| step.word() == line).map(Self::Listed))
            .or_else(|| TemplateLine::ALL.into_iter().find(|text| text.text() == line).map(Self::Template))
            .or_else(|| ConditionWord::ALL.into_iter().find(|word| word.word() == line).map(Self::Condition))
    }
}

/// A line that its beginning gives away.
fn prefixed(line: &str) -> Option<Phrase> {
    if let Some(name) = line.strip_prefix("dear ") {
        return Audience::ALL.into_iter().find(|audience| audience.word() == name).map(Phrase::Salutation);
    }
    if let Some(name) = line.strip_prefix("signed, the ") {
        return Role::ALL.into_iter().find(|role| role.word() == name).map(Phrase::Signature);
    }
    let (marks, title) = line.split_once(' ')?;
    let level = marks.len();
    let is_heading = level > 0 && marks.bytes().all(|byte| byte == b'#');
    is_heading.then(|| Phrase::Heading { level, title: title.to_owned() })
}
