//! Whether a response satisfies a task, constraint by constraint and default by default.

use serde::{Deserialize, Serialize};
use trace_schema::ConstraintDimension;

use crate::compatibility::DEFAULT_COUNT;
use crate::parse::{Before, Entry, Layout, ListMarker, Mark, Phrase, Response, Setting};
use crate::values::{
    Bound, Comparison, Headings, Language, ListMark, MarkKind, OutputFormat, Place, Separator, Side,
};
use crate::{Category, Item, Rule, Task};

/// The rules of every response unless a constraint changes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Habit {
    /// Every item is a thing of the category. No constraint changes this.
    Category,
    /// No thing is named twice. No constraint changes this.
    Distinct,
    /// Around the items there are only lines that constraints are about. No constraint changes this.
    Alone,
    /// There are three items; until a Numerical constraint.
    Three,
    /// Names are English; until a Multilingual constraint.
    English,
    /// Names are in lower case without emphasis; until a Text Pattern constraint.
    LowerCase,
    /// Items are on one line with `, ` between them; until an Output Format, Numbering and List or Negative Example
    /// constraint.
    OneLine,
    /// Nothing encloses a name; until a Positive Example constraint.
    NotEnclosed,
    /// No adjective stands before a name; until a Linguistic Characteristics constraint.
    NoAdjective,
    /// No article or possessive stands before a name; until a Grammar Structure constraint.
    NoDeterminer,
    /// No mark stands after a name; until a Citation constraint.
    NoMark,
}

impl Habit {
    /// All defaults.
    pub const ALL: [Self; 11] = [
        Self::Category,
        Self::Distinct,
        Self::Alone,
        Self::Three,
        Self::English,
        Self::LowerCase,
        Self::OneLine,
        Self::NotEnclosed,
        Self::NoAdjective,
        Self::NoDeterminer,
        Self::NoMark,
    ];

    /// The dimensions whose constraints take the place of the default.
    pub const fn changed_by(self) -> &'static [ConstraintDimension] {
        use ConstraintDimension as D;
        match self {
            Self::Category | Self::Distinct | Self::Alone => &[],
            Self::Three => &[D::Numerical],
            Self::English => &[D::Multilingual],
            Self::LowerCase => &[D::TextPattern],
            Self::OneLine => &[D::OutputFormat, D::NumberingAndList, D::NegativeExample],
            Self::NotEnclosed => &[D::PositiveExample],
            Self::NoAdjective => &[D::LinguisticCharacteristics],
            Self::NoDeterminer => &[D::GrammarStructure],
            Self::NoMark => &[D::Citation],
        }
    }
}

/// The verdict on a response.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Verdict {
    /// Whether each constraint holds, in the order of the prompt.
    pub constraints: Vec<bool>,
    /// Whether each default holds that no constraint changes.
    pub defaults: Vec<(Habit, bool)>,
}

impl Verdict {
    /// Whether every constraint and every remaining default holds: the indicator of Eq. 3.
    ///
    /// # Source
    ///
    /// IOPO (ACL 2025), Eq. 3. The defaults are part of the description here, and so they count.
    pub fn followed(&self) -> bool {
        self.constraints.iter().chain(self.defaults.iter().map(|(_, holds)| holds)).all(|holds| *holds)
    }
}

impl Task {
    /// Judges a response. Each constraint is judged on its own.
    ///
    /// A response that names no thing of the world satisfies nothing.
    pub fn verdict(&self, response: &str) -> Verdict {
        let response = Response::parse(response);
        let response = response.as_ref();
        let holds = |check: &dyn Fn(&Response) -> bool| response.is_some_and(check);
        let remaining = |habit: &Habit| !habit.changed_by().iter().any(|dimension| self.has(*dimension));
        let habits = Habit::ALL.into_iter().filter(remaining);
        Verdict {
            constraints: self
                .rules()
                .map(|rule| holds(&|response| self.rule_holds(rule, response)))
                .collect(),
            defaults: habits
                .map(|habit| (habit, holds(&|response| self.habit_holds(habit, response))))
                .collect(),
        }
    }

    fn rule_holds(&self, rule: &Rule, response: &Response) -> bool {
        match rule {
            Rule::Theme(_) | Rule::TextBackground(_) | Rule::TableBackground { .. } => {
                response.entries.iter().all(|entry| self.is_choosable(rule, entry))
            }
            Rule::Exclusion(items) => !items.iter().any(|item| response.names(*item)),
            Rule::Inclusion(items) => items.iter().all(|item| response.names(*item)),
            Rule::Numerical { bound, count } => {
                let (found, count) = (response.entries.len(), usize::from(*count));
                match bound {
                    Bound::Exactly => found == count,
                    Bound::AtLeast => found >= count,
                    Bound::AtMost => found <= count,
                }
            }
            Rule::Multilingual(language) => response.all(|entry| entry.is_in(*language)),
            Rule::TextPattern(pattern) => response.all(|entry| entry.setting == Setting::Pattern(*pattern)),
            Rule::PositiveExample(enclosure) => response.all(|entry| entry.enclosure == Some(*enclosure)),
            Rule::LinguisticCharacteristics(kind) => {
                response.all(|entry| entry.adjective.is_some_and(|word| kind.adjectives().contains(&word)))
            }
            Rule::GrammarStructure(determiner) => {
                response.all(|entry| entry.before == Some(Before::Right(*determiner)))
            }
            Rule::Citation(kind) => response.marks_count_up(*kind),
            Rule::OutputFormat(format) => response.is_formatted(*format),
            Rule::NumberingAndList(mark) => response.is_listed(*mark),
            Rule::NegativeExample(also) => {
                response.is_separated(|separator| separator != Separator::Comma && Some(separator) != *also)
            }
            _ => response.lines_hold(rule, self.category()),
        }
    }

    fn is_choosable(&self, rule: &Rule, entry: &Entry) -> bool {
        let Some((item, _)) = entry.name else { return false };
        match (rule, self.input()) {
            (Rule::Theme(theme), _) => theme.contains(item),
            (Rule::TextBackground(holder), Some(input)) => input.things_of(*holder).contains(&item),
            (Rule::TableBackground { side, price }, Some(input)) => input.has_price(item, *side, *price),
            _ => false,
        }
    }

    fn habit_holds(&self, habit: Habit, response: &Response) -> bool {
        match habit {
            Habit::Category => {
                response.all(|entry| entry.name.is_some_and(|(item, _)| item.category() == self.category()))
            }
            Habit::Distinct => response.is_distinct(),
            Habit::Alone => {
                !response.stray && response.phrases.iter().all(|(_, phrase)| self.has(phrase.dimension()))
            }
            Habit::Three => response.entries.len() == DEFAULT_COUNT,
            Habit::English => response.all(|entry| entry.is_in(Language::English)),
            Habit::LowerCase => response.all(|entry| entry.setting == Setting::Plain),
            Habit::OneLine => response.is_separated(|separator| separator == Separator::Comma),
            Habit::NotEnclosed => response.all(|entry| entry.enclosure.is_none()),
            Habit::NoAdjective => response.all(|entry| entry.adjective.is_none()),
            Habit::NoDeterminer => response.all(|entry| entry.before.is_none()),
            Habit::NoMark => response.all(|entry| entry.mark.is_none()),
        }
    }
}

impl Entry {
    fn is_in(&self, language: Language) -> bool {
        self.name.is_some_and(|(_, found)| found == language)
    }
}

impl Response {
    fn all(&self, check: impl Fn(&Entry) -> bool) -> bool {
        self.entries.iter().all(check)
    }

    fn names(&self, item: Item) -> bool {
        self.entries.iter().any(|entry| entry.name.is_some_and(|(found, _)| found == item))
    }

    fn is_distinct(&self) -> bool {
        let items: Vec<_> =
            self.entries.iter().filter_map(|entry| entry.name.map(|(item, _)| item)).collect();
        items.iter().enumerate().all(|(index, item)| !items[..index].contains(item))
    }

    fn marks_count_up(&self, kind: MarkKind) -> bool {
        let expected = |index: usize| match kind {
            MarkKind::Numbers => Some(Mark::Number(index + 1)),
            MarkKind::Letters => ('a'..='z').nth(index).map(Mark::Letter),
        };
        self.entries
            .iter()
            .enumerate()
            .all(|(index, entry)| entry.mark.is_some() && entry.mark == expected(index))
    }

    fn is_formatted(&self, format: OutputFormat) -> bool {
        self.layout == Layout::Formatted(format)
    }

    fn is_listed(&self, mark: ListMark) -> bool {
        let number = |index: usize| matches!(mark, ListMark::Dots | ListMark::Brackets).then_some(index + 1);
        let expected = |index: usize| ListMarker { kind: mark, number: number(index) };
        match &self.layout {
            Layout::Listed(markers) => {
                markers.iter().enumerate().all(|(index, marker)| *marker == expected(index))
            }
            _ => false,
        }
    }

    /// Whether the items are on one line, with no separator or one that is accepted.
    fn is_separated(&self, accepts: impl Fn(Separator) -> bool) -> bool {
        match &self.layout {
            Layout::Separated(separators) => {
                separators.len() <= 1 && separators.iter().all(|one| accepts(*one))
            }
            _ => false,
        }
    }
}

impl Phrase {
    /// The dimension whose constraints are about the line.
    pub(crate) const fn dimension(&self) -> ConstraintDimension {
        match self {
            Self::Salutation(_) => ConstraintDimension::TargetAudience,
            Self::Signature(_) => ConstraintDimension::RolePlaying,
            Self::Opener(_) => ConstraintDimension::ToneAndStyle,
            Self::Exclamation(_) => ConstraintDimension::Emotion,
            Self::Spoken(_) => ConstraintDimension::NaturalLanguageProcess,
            Self::Listed(_) => ConstraintDimension::MarkdownProcess,
            Self::Template(_) => ConstraintDimension::Template,
            Self::Condition(_) => ConstraintDimension::PriorCondition,
            Self::Heading { .. } => ConstraintDimension::HierarchicalStructure,
        }
    }
}

impl Response {
    /// Whether the lines that belong to a constraint's dimension are those, and only those, that it asks for.
    pub(crate) fn lines_hold(&self, rule: &Rule, category: Category) -> bool {
        let dimension = rule.dimension();
        let found = self.phrases.iter().filter(|(_, phrase)| phrase.dimension() == dimension);
        found.eq(wanted_lines(rule, category, self.entries.len()).iter())
    }
}

/// The lines that a constraint asks for, in order.
fn wanted_lines(rule: &Rule, category: Category, count: usize) -> Vec<(Side, Phrase)> {
    match rule {
        Rule::RolePlaying(role) => vec![(Side::After, Phrase::Signature(*role))],
        Rule::TargetAudience(audience) => vec![(Side::Before, Phrase::Salutation(*audience))],
        Rule::ToneAndStyle(tone) => vec![(Side::Before, Phrase::Opener(*tone))],
        Rule::Emotion { feeling, side } => vec![(*side, Phrase::Exclamation(*feeling))],
        Rule::PriorCondition { comparison, than, word } => {
            let than = usize::from(*than);
            let called_for = match comparison {
                Comparison::MoreThan => count > than,
                Comparison::FewerThan => count < than,
            };
            if called_for { vec![(Side::After, Phrase::Condition(*word))] } else { Vec::new() }
        }
        Rule::NaturalLanguageProcess(process) => on_sides(process.place, process.steps.map(Phrase::Spoken)),
        Rule::MarkdownProcess(process) => on_sides(process.place, process.steps.map(Phrase::Listed)),
        Rule::Template { line, place } => {
            let lines = [(Side::Before, Phrase::Template(*line)), (Side::After, Phrase::Template(*line))];
            let keeps = |side: Side| match place {
                Place::Before => side == Side::Before,
                Place::After => side == Side::After,
                Place::Both => true,
            };
            lines.into_iter().filter(|(side, _)| keeps(*side)).collect()
        }
        Rule::HierarchicalStructure(headings) => {
            let heading =
                |level, title: &str| (Side::Before, Phrase::Heading { level, title: title.to_owned() });
            match headings {
                Headings::First => vec![heading(1, category.name())],
                Headings::Second => vec![heading(2, category.name())],
                Headings::Both => vec![heading(1, "list"), heading(2, category.name())],
            }
        }
        _ => Vec::new(),
    }
}

fn on_sides(place: Place, [first, second]: [Phrase; 2]) -> Vec<(Side, Phrase)> {
    let (one, two) = match place {
        Place::Before => (Side::Before, Side::Before),
        Place::After => (Side::After, Side::After),
        Place::Both => (Side::Before, Side::After),
    };
    vec![(one, first), (two, second)]
}
