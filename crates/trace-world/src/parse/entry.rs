//! One item as it is written.

use crate::Item;
use crate::values::{Adjective, Determiner, Enclosure, Language, TextPattern};

/// The mark after an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    /// `[1]`
    Number(usize),
    /// `[a]`
    Letter(char),
    /// Brackets around anything else.
    Other,
}

/// What stands before an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Before {
    /// A determiner, in the form that the next word calls for.
    Right(Determiner),
    /// `a` for `an` or `an` for `a`.
    WrongForm,
}

/// How a name is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setting {
    /// In lower case, as by default.
    Plain,
    /// In one of the patterns that can be asked for.
    Pattern(TextPattern),
    /// In any other case, or in two patterns at once.
    Mixed,
}

/// One item as it is written: `the small (APPLE) [1]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// The thing and the language of its name; `None` when the text is not a name.
    pub(crate) name: Option<(Item, Language)>,
    /// How the name is set.
    pub(crate) setting: Setting,
    /// What encloses the name.
    pub(crate) enclosure: Option<Enclosure>,
    /// The adjective before the name.
    pub(crate) adjective: Option<Adjective>,
    /// What stands before all of it.
    pub(crate) before: Option<Before>,
    /// The mark after the name.
    pub(crate) mark: Option<Mark>,
}

impl Entry {
    /// Reads the text of one item. Words are parted by single spaces.
    pub(super) fn read(text: &str) -> Self {
        let mut words: Vec<&str> = text.split(' ').collect();
        let mark = words.last().copied().and_then(read_mark);
        if mark.is_some() {
            words.pop();
        }
        let mut words = words.as_slice();
        let mut next = |accept: &dyn Fn(&str) -> bool| match words.split_first() {
            Some((first, rest)) if accept(first) => {
                words = rest;
                Some(*first)
            }
            _ => None,
        };
        let determiner = next(&|word| matches!(word, "a" | "an" | "the" | "my"));
        let adjective = next(&|word| read_adjective(word).is_some()).and_then(read_adjective);
        let core = Core::read(if let [word] = words { word } else { "" });
        let following = adjective.map(Adjective::word).or(core.word.as_deref());
        Self {
            name: core.name,
            setting: core.setting,
            enclosure: core.enclosure,
            adjective,
            before: determiner.map(|determiner| read_determiner(determiner, following)),
            mark,
        }
    }
}

fn read_mark(word: &str) -> Option<Mark> {
    let inner = word.strip_prefix('[')?.strip_suffix(']')?;
    let mut letters = inner.chars();
    Some(match (letters.next(), letters.next()) {
        (Some(letter), None) if letter.is_ascii_lowercase() => Mark::Letter(letter),
        _ if inner.starts_with('0') || !inner.bytes().all(|byte| byte.is_ascii_digit()) => Mark::Other,
        _ => inner.parse().map_or(Mark::Other, Mark::Number),
    })
}

fn read_adjective(word: &str) -> Option<Adjective> {
    Adjective::ALL.into_iter().find(|adjective| adjective.word() == word)
}

/// An indefinite article has the form that the first letter of the following word calls for.
fn read_determiner(word: &str, following: Option<&str>) -> Before {
    let vowel = following.is_some_and(|word| "aeiou".contains(|letter| word.starts_with(letter)));
    match word {
        "the" => Before::Right(Determiner::Definite),
        "my" => Before::Right(Determiner::Possessive),
        "an" if vowel => Before::Right(Determiner::Indefinite),
        "a" if !vowel => Before::Right(Determiner::Indefinite),
        _ => Before::WrongForm,
    }
}

/// A name with what is directly around it.
struct Core {
    name: Option<(Item, Language)>,
    word: Option<String>,
    setting: Setting,
    enclosure: Option<Enclosure>,
}

impl Core {
    fn read(mut text: &str) -> Self {
        let (mut enclosure, mut emphasis) = (None, None);
        loop {
            if let (None, Some((kind, inner))) = (enclosure, open_enclosure(text)) {
                (enclosure, text) = (Some(kind), inner);
            } else if let (None, Some((kind, inner))) = (emphasis, open_emphasis(text)) {
                (emphasis, text) = (Some(kind), inner);
            } else {
                break;
            }
        }
        let word = text.to_lowercase();
        let name = Item::lookup(&word);
        let setting = match (emphasis, letter_case(text, &word)) {
            (None, case) => case,
            (Some(kind), Setting::Plain) => Setting::Pattern(kind),
            (Some(_), _) => Setting::Mixed,
        };
        Self { name, word: Some(word), setting, enclosure }
    }
}

fn open_enclosure(text: &str) -> Option<(Enclosure, &str)> {
    let inside = |start: char, end: char| text.strip_prefix(start)?.strip_suffix(end);
    inside('(', ')')
        .map(|inner| (Enclosure::Round, inner))
        .or_else(|| inside('{', '}').map(|inner| (Enclosure::Curly, inner)))
        .or_else(|| inside('~', '~').map(|inner| (Enclosure::Tilde, inner)))
}

fn open_emphasis(text: &str) -> Option<(TextPattern, &str)> {
    let inside = |mark: &str| text.strip_prefix(mark)?.strip_suffix(mark);
    inside("**")
        .map(|inner| (TextPattern::Bold, inner))
        .or_else(|| inside("_").map(|inner| (TextPattern::Italics, inner)))
}

fn letter_case(text: &str, lower: &str) -> Setting {
    if text == lower {
        return Setting::Plain;
    }
    if text == lower.to_uppercase() {
        return Setting::Pattern(TextPattern::Capitals);
    }
    let rest = |word: &str| word.chars().skip(1).collect::<String>();
    let begins_upper = text.chars().next().is_some_and(char::is_uppercase);
    match begins_upper && rest(text) == rest(lower) {
        true => Setting::Pattern(TextPattern::Title),
        false => Setting::Mixed,
    }
}
