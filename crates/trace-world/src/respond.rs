//! Writing a response that satisfies a task.

use crate::compatibility::{allowed, count_range, required};
use crate::rng::{below, pick, pick_some};
use crate::values::{
    AdjectiveKind, Comparison, Determiner, Enclosure, Headings, Language, ListMark, MarkKind, OutputFormat,
    Place, Separator, Side, TextPattern,
};
use crate::{Category, Item, Rule, Task, WorldRng};

impl Task {
    /// A random response that satisfies every constraint and every default.
    ///
    /// Items stand in the alphabetical order of the words written, and lines around them in one order. That is a habit
    /// and not a demand: it makes responses learnable from few rows.
    pub fn respond(&self, rng: &mut WorldRng) -> String {
        let items = choose_items(self, rng);
        let style = Style::of(self);
        let mut words: Vec<(&str, Item)> =
            items.into_iter().map(|item| (item.name(style.language), item)).collect();
        words.sort_unstable();
        let count = words.len();
        let entries: Vec<String> =
            words.iter().enumerate().map(|(index, (word, _))| style.entry(index, word, rng)).collect();
        let body = lay_out(self, &entries, rng);
        let mut lines = lines_before(self);
        lines.push(body);
        lines.extend(lines_after(self, count));
        lines.join("\n")
    }

    /// A response that satisfies the task as if the constraints at these positions were not there.
    ///
    /// By chance it may satisfy them nevertheless.
    pub fn respond_ignoring(&self, ignored: &[usize], rng: &mut WorldRng) -> String {
        self.without(ignored).respond(rng)
    }
}

fn choose_items(task: &Task, rng: &mut WorldRng) -> Vec<Item> {
    let required = required(task);
    let others: Vec<Item> = allowed(task).into_iter().filter(|item| !required.contains(item)).collect();
    let (least, most) = count_range(task);
    let least = least.max(required.len());
    let most = most.min(required.len() + others.len());
    let count = least + below(most + 1 - least, rng);
    [required, &pick_some(&others, count - required.len(), rng)].concat()
}

/// How each item is written.
struct Style {
    language: Language,
    pattern: Option<TextPattern>,
    enclosure: Option<Enclosure>,
    adjective: Option<AdjectiveKind>,
    determiner: Option<Determiner>,
    citation: Option<MarkKind>,
}

impl Style {
    fn of(task: &Task) -> Self {
        let mut style = Self {
            language: Language::English,
            pattern: None,
            enclosure: None,
            adjective: None,
            determiner: None,
            citation: None,
        };
        for rule in task.rules() {
            match rule {
                Rule::Multilingual(language) => style.language = *language,
                Rule::TextPattern(pattern) => style.pattern = Some(*pattern),
                Rule::PositiveExample(enclosure) => style.enclosure = Some(*enclosure),
                Rule::LinguisticCharacteristics(kind) => style.adjective = Some(*kind),
                Rule::GrammarStructure(determiner) => style.determiner = Some(*determiner),
                Rule::Citation(kind) => style.citation = Some(*kind),
                _ => {}
            }
        }
        style
    }

    /// `the small (APPLE) [1]`
    fn entry(&self, index: usize, word: &str, rng: &mut WorldRng) -> String {
        let adjective = self.adjective.and_then(|kind| pick(&kind.adjectives(), rng).copied());
        let adjective = adjective.map(|adjective| adjective.word());
        let mut entry = String::new();
        if let Some(determiner) = self.determiner {
            entry.push_str(match determiner {
                Determiner::Definite => "the ",
                Determiner::Possessive => "my ",
                Determiner::Indefinite
                    if adjective.unwrap_or(word).starts_with(['a', 'e', 'i', 'o', 'u']) =>
                {
                    "an "
                }
                Determiner::Indefinite => "a ",
            });
        }
        if let Some(adjective) = adjective {
            entry.push_str(adjective);
            entry.push(' ');
        }
        entry.push_str(&self.enclosed(&self.patterned(word)));
        match self.citation {
            Some(MarkKind::Numbers) => entry.push_str(&format!(" [{}]", index + 1)),
            Some(MarkKind::Letters) => entry.push_str(&format!(" [{}]", letter(index))),
            None => {}
        }
        entry
    }

    fn patterned(&self, word: &str) -> String {
        match self.pattern {
            None => word.to_owned(),
            Some(TextPattern::Capitals) => word.to_uppercase(),
            Some(TextPattern::Title) => capitalised(word),
            Some(TextPattern::Bold) => format!("**{word}**"),
            Some(TextPattern::Italics) => format!("_{word}_"),
        }
    }

    fn enclosed(&self, name: &str) -> String {
        match self.enclosure {
            None => name.to_owned(),
            Some(Enclosure::Round) => format!("({name})"),
            Some(Enclosure::Curly) => format!("{{{name}}}"),
            Some(Enclosure::Tilde) => format!("~{name}~"),
        }
    }
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// a, b, c, and so on.
fn letter(index: usize) -> char {
    u8::try_from(index).map_or('z', |index| char::from((b'a' + index).min(b'z')))
}

fn lay_out(task: &Task, entries: &[String], rng: &mut WorldRng) -> String {
    for rule in task.rules() {
        match rule {
            Rule::OutputFormat(format) => return formatted(*format, entries),
            Rule::NumberingAndList(mark) => return listed(*mark, entries),
            Rule::NegativeExample(also) => {
                let good = [Separator::Semicolon, Separator::Slash, Separator::Plus];
                let good: Vec<Separator> =
                    good.into_iter().filter(|separator| Some(*separator) != *also).collect();
                return entries.join(pick(&good, rng).map_or(" ", |separator| separator.text()));
            }
            _ => {}
        }
    }
    entries.join(Separator::Comma.text())
}

fn formatted(format: OutputFormat, entries: &[String]) -> String {
    match format {
        OutputFormat::Json => format!("[\"{}\"]", entries.join("\", \"")),
        OutputFormat::Html => format!("<li>{}</li>", entries.join("</li><li>")),
        OutputFormat::Latex => format!("\\item {}", entries.join(" \\item ")),
        OutputFormat::Table => format!("| {} |", entries.join(" | ")),
    }
}

fn listed(mark: ListMark, entries: &[String]) -> String {
    let line = |(index, entry): (usize, &String)| match mark {
        ListMark::Dots => format!("{}. {entry}", index + 1),
        ListMark::Brackets => format!("{}) {entry}", index + 1),
        ListMark::Dashes => format!("- {entry}"),
        ListMark::Stars => format!("* {entry}"),
    };
    entries.iter().enumerate().map(line).collect::<Vec<_>>().join("\n")
}

/// The lines before the items: salutation, tone, feeling, procedures, template, headings.
fn lines_before(task: &Task) -> Vec<String> {
    let mut lines = Vec::new();
    for rule in task.rules() {
        match rule {
            Rule::TargetAudience(audience) => lines.push((0, format!("dear {}", audience.word()))),
            Rule::ToneAndStyle(tone) => lines.push((1, tone.opener().to_owned())),
            Rule::Emotion { feeling, side: Side::Before } => {
                lines.push((2, feeling.exclamation().to_owned()))
            }
            Rule::NaturalLanguageProcess(process) => {
                lines.extend(process.sides().0.iter().map(|step| (3, step.word().to_owned())));
            }
            Rule::MarkdownProcess(process) => {
                lines.extend(process.sides().0.iter().map(|step| (4, step.word().to_owned())));
            }
            Rule::Template { line, place: Place::Before | Place::Both } => {
                lines.push((5, line.text().to_owned()));
            }
            Rule::HierarchicalStructure(levels) => {
                lines.extend(headings(*levels, task.category()).into_iter().map(|line| (6, line)));
            }
            _ => {}
        }
    }
    in_order(lines)
}

fn headings(levels: Headings, category: Category) -> Vec<String> {
    let name = category.name();
    match levels {
        Headings::First => vec![format!("# {name}")],
        Headings::Second => vec![format!("## {name}")],
        Headings::Both => vec!["# list".to_owned(), format!("## {name}")],
    }
}

/// The lines after the items: template, procedures, condition, feeling, signature.
fn lines_after(task: &Task, count: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for rule in task.rules() {
        match rule {
            Rule::Template { line, place: Place::After | Place::Both } => {
                lines.push((0, line.text().to_owned()));
            }
            Rule::MarkdownProcess(process) => {
                lines.extend(process.sides().1.iter().map(|step| (1, step.word().to_owned())));
            }
            Rule::NaturalLanguageProcess(process) => {
                lines.extend(process.sides().1.iter().map(|step| (2, step.word().to_owned())));
            }
            Rule::PriorCondition { comparison, than, word } => {
                let called_for = match comparison {
                    Comparison::MoreThan => count > usize::from(*than),
                    Comparison::FewerThan => count < usize::from(*than),
                };
                lines.extend(called_for.then(|| (3, word.word().to_owned())));
            }
            Rule::Emotion { feeling, side: Side::After } => lines.push((4, feeling.exclamation().to_owned())),
            Rule::RolePlaying(role) => lines.push((5, format!("signed, the {}", role.word()))),
            _ => {}
        }
    }
    in_order(lines)
}

fn in_order(mut lines: Vec<(u8, String)>) -> Vec<String> {
    lines.sort_by_key(|(rank, _)| *rank);
    lines.into_iter().map(|(_, line)| line).collect()
}
