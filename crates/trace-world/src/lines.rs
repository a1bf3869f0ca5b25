//! Judging the lines around the items.

use trace_schema::ConstraintDimension;

use crate::parse::{Phrase, Response};
use crate::values::{Comparison, Headings, Place, Side};
use crate::{Category, Rule};

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
