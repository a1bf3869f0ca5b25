//! The texts of prompts: three wordings of everything.

use crate::background::list;
use crate::rule::{Process, Rule};
use crate::values::{Determiner, ListedStep, Place, Separator, SpokenStep};
use crate::{Category, Item};

/// Wordings of each description and each constraint.
pub const WORDINGS: u8 = 3;

/// The numbers that prompts write as words.
const NUMBERS: [&str; 10] = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];

/// A number as a word, where there is one.
fn number(value: u8) -> String {
    NUMBERS.get(usize::from(value)).map_or_else(|| value.to_string(), |word| (*word).to_owned())
}

/// The description of a task, the defaults in two words included.
pub(crate) fn description(category: Category, wording: u8) -> String {
    let request = match wording {
        0 => "Name some",
        1 => "List some",
        _ => "Think of some",
    };
    format!("{request} {}. Unless told otherwise: three, plain.", category.name())
}

impl Rule {
    /// The constraint in words, without its number.
    ///
    /// `wording` is below [`WORDINGS`]; a larger one counts as the last.
    pub fn text(&self, wording: u8) -> String {
        let [first, second, third] = self.wordings();
        match wording {
            0 => first,
            1 => second,
            _ => third,
        }
    }

    fn wordings(&self) -> [String; WORDINGS as usize] {
        match self {
            Self::Theme(theme) => around(["Name only", "Keep to", "Choose among"], theme.phrase()),
            Self::Exclusion(items) => around(["Do not name", "Leave out", "Never mention"], &either(items)),
            Self::Inclusion(items) => around(["Name", "Include", "Be sure to mention"], &list(items)),
            Self::Numerical { bound, count } => {
                let count = format!("{} {}", bound.phrase(), number(*count));
                [
                    format!("Name {count} items."),
                    format!("Give {count}."),
                    format!("The number of items is {count}."),
                ]
            }
            Self::RolePlaying(role) => [
                format!("Sign as the {} after the items.", role.word()),
                format!("Speak as the {}, signed after the items.", role.word()),
                format!("You are the {} and sign after the items.", role.word()),
            ],
            Self::TargetAudience(audience) => [
                format!("Greet {} before the items.", audience.word()),
                format!("Address {} before the items.", audience.word()),
                format!("Write for {}, greeted before the items.", audience.word()),
            ],
            Self::PriorCondition { comparison, than, word } => {
                let condition = format!("{} {}", comparison.phrase(), number(*than));
                let word = word.word();
                [
                    format!("If there are {condition} items, say {word} after them."),
                    format!("Given {condition} items, add {word} after them."),
                    format!("Say {word} after the items when they are {condition}."),
                ]
            }
            Self::NaturalLanguageProcess(process) => in_sentences(process),
            Self::MarkdownProcess(process) => laid_out(process),
            Self::TableBackground { side, price } => {
                let price = format!("{} {}", side.phrase(), number(*price));
                [
                    format!("Name only things that cost {price}."),
                    format!("Choose from the table what costs {price}."),
                    format!("Keep to prices of {price}."),
                ]
            }
            Self::TextBackground(holder) => ["Name only things that", "Choose from what", "Keep to what"]
                .map(|start| format!("{start} {} has.", holder.name())),
            Self::ToneAndStyle(tone) => [
                format!("Open in a {} tone before the items.", tone.word()),
                format!("Sound {} before the items.", tone.word()),
                format!("Set a {} tone before the items.", tone.word()),
            ],
            Self::Emotion { feeling, side } => {
                let rest = format!("{} {} the items.", feeling.word(), side.word());
                ["Show", "Express", "Let us feel"].map(|start| format!("{start} {rest}"))
            }
            Self::LinguisticCharacteristics(kind) => [
                format!("Put an adjective of {} before each item.", kind.word()),
                format!("Describe the {} of each item in one word.", kind.word()),
                format!("Give each item an adjective of {}.", kind.word()),
            ],
            Self::Multilingual(language) => {
                around(["Write the names in", "Answer in", "Use the names in"], language.name())
            }
            Self::OutputFormat(format) => around(
                ["Write the items as", "Format the items as", "The format of the items is"],
                format.name(),
            ),
            Self::TextPattern(pattern) => {
                around(["Set the names in", "Write the names in", "Put each name in"], pattern.phrase())
            }
            Self::GrammarStructure(determiner) => grammar(*determiner),
            Self::Citation(kind) => [
                format!("Cite with {} in brackets after each item.", kind.word()),
                format!("Put reference {} after the items.", kind.word()),
                format!("After each item goes a source mark, with {}.", kind.word()),
            ],
            Self::NumberingAndList(mark) => [
                format!("Make a list with {} before each item.", mark.phrase()),
                format!("Put each item on a line with {}.", mark.phrase()),
                format!("One item a line, each with {}.", mark.phrase()),
            ],
            Self::HierarchicalStructure(headings) => [
                format!("Put a heading of {} before the items.", headings.phrase()),
                format!("Use headings of {}.", headings.phrase()),
                format!("Before the items goes a title of {}.", headings.phrase()),
            ],
            Self::Template { line, place } => {
                let rest = format!("\"{}\" {} the items.", line.text(), place.phrase());
                ["Put the line", "Write the line", "The template has the line"]
                    .map(|start| format!("{start} {rest}"))
            }
            Self::PositiveExample(enclosure) => around(
                ["Write each name like", "Imitate this example:", "Follow the example"],
                enclosure.example(),
            ),
            Self::NegativeExample(also) => negative(*also),
        }
    }
}

/// Each start, then the object and a full stop.
fn around(starts: [&str; 3], object: &str) -> [String; 3] {
    starts.map(|start| format!("{start} {object}."))
}

/// `a or b`.
fn either(items: &[Item]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(" or ")
}

fn in_sentences(process: &Process<SpokenStep>) -> [String; 3] {
    let [first, second] = process.steps.map(SpokenStep::word);
    let (one, two, three) = match process.place {
        Place::Before => (format!("say {first}"), format!("say {second}"), "name the items".to_owned()),
        Place::After => ("name the items".to_owned(), format!("say {first}"), format!("say {second}")),
        Place::Both => (format!("say {first}"), "name the items".to_owned(), format!("say {second}")),
    };
    [
        format!("First {one}, then {two}, then {three}."),
        format!("We {one}, we {two}, and we {three}."),
        format!("To begin with, {one}; next, {two}; at last, {three}."),
    ]
}

fn laid_out(process: &Process<ListedStep>) -> [String; 3] {
    let [first, second] = process.steps.map(ListedStep::word);
    let steps = match process.place {
        Place::Before => format!("- {first}\n- {second}\n- items"),
        Place::After => format!("- items\n- {first}\n- {second}"),
        Place::Both => format!("- {first}\n- items\n- {second}"),
    };
    ["Follow these steps:", "Go through this list:", "Work as laid out:"]
        .map(|start| format!("{start}\n{steps}"))
}

fn grammar(determiner: Determiner) -> [String; 3] {
    match determiner {
        Determiner::Possessive => [
            "Put my before each item.".to_owned(),
            "Give each item the word my.".to_owned(),
            "Each item begins with my.".to_owned(),
        ],
        Determiner::Indefinite | Determiner::Definite => {
            around(["Before each item put", "Use the article", "Each item begins with"], determiner.phrase())
        }
    }
}

fn negative(also: Option<Separator>) -> [String; 3] {
    let example = |separator: Separator| format!("\"one{}two\"", separator.text());
    let examples = match also {
        Some(separator) => format!("{} or {}", example(Separator::Comma), example(separator)),
        None => example(Separator::Comma),
    };
    ["Do not write like", "Avoid the form of", "A bad example is"].map(|start| format!("{start} {examples}."))
}
