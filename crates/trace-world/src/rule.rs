//! The meaning of a constraint.

use serde::{Deserialize, Serialize};
use trace_schema::ConstraintDimension;

use crate::values::{
    AdjectiveKind, Audience, Bound, Comparison, ConditionWord, Determiner, Enclosure, Feeling, Headings,
    Holder, Language, ListMark, ListedStep, MarkKind, OutputFormat, Place, PriceSide, Role, Separator, Side,
    SpokenStep, TemplateLine, TextPattern, Tone,
};
use crate::{Item, Theme};

/// Two words to say, around the items or on one side of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Process<S> {
    /// The words, in the order of the response; they differ.
    pub steps: [S; 2],
    /// Where they stand; [`Place::Both`] puts the items between them.
    pub place: Place,
}

impl<S: Copy> Process<S> {
    /// The words before the items and those after them.
    pub fn sides(&self) -> (&[S], &[S]) {
        match self.place {
            Place::Before => (&self.steps, &[]),
            Place::After => (&[], &self.steps),
            Place::Both => self.steps.split_at(1),
        }
    }
}

/// The meaning of one constraint; every one can be checked by a program.
///
/// # Source
///
/// IOPO (ACL 2025), Appendix A, Table 6, for the dimensions; what each means in this world is our own.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Rule {
    /// Every item belongs to the subject.
    Theme(Theme),
    /// None of these things is named.
    Exclusion(Vec<Item>),
    /// All of these things are named.
    Inclusion(Vec<Item>),
    /// The number of items is in bounds.
    Numerical {
        /// How.
        bound: Bound,
        /// The number.
        count: u8,
    },
    /// The line `signed, the …` after the items.
    RolePlaying(Role),
    /// The line `dear …` before the items.
    TargetAudience(Audience),
    /// A word after the items if, and only if, there are more or fewer of them than a number.
    PriorCondition {
        /// The direction.
        comparison: Comparison,
        /// The number.
        than: u8,
        /// The word.
        word: ConditionWord,
    },
    /// Two words said in the order of a procedure given in sentences.
    NaturalLanguageProcess(Process<SpokenStep>),
    /// Two words said in the order of a procedure laid out as a Markdown list.
    MarkdownProcess(Process<ListedStep>),
    /// Every item stands in the input's table with a price on the given side of a number.
    TableBackground {
        /// The side.
        side: PriceSide,
        /// The number.
        price: u8,
    },
    /// Every item is what the input says that the person has.
    TextBackground(Holder),
    /// A line before the items that sets a tone.
    ToneAndStyle(Tone),
    /// A word on one side of the items that shows a feeling.
    Emotion {
        /// The feeling.
        feeling: Feeling,
        /// The side.
        side: Side,
    },
    /// An adjective of one kind before every item.
    LinguisticCharacteristics(AdjectiveKind),
    /// Every name is in this language, which is not English.
    Multilingual(Language),
    /// The items are written in a data format.
    OutputFormat(OutputFormat),
    /// Every name is set in this way.
    TextPattern(TextPattern),
    /// Every item has this before it.
    GrammarStructure(Determiner),
    /// Every item has a mark after it that counts up, `[1]` or `[a]`.
    Citation(MarkKind),
    /// Every item is on a line of its own that begins with a mark.
    NumberingAndList(ListMark),
    /// Headings before the items.
    HierarchicalStructure(Headings),
    /// A given line on one side of the items or both.
    Template {
        /// The line.
        line: TemplateLine,
        /// Where.
        place: Place,
    },
    /// Every name is enclosed as in an example.
    PositiveExample(Enclosure),
    /// The items are on one line, and what stands between them is neither a comma nor the given separator.
    NegativeExample(Option<Separator>),
}

impl Rule {
    /// The dimension of the taxonomy that the constraint belongs to.
    pub const fn dimension(&self) -> ConstraintDimension {
        match self {
            Self::Theme(_) => ConstraintDimension::Theme,
            Self::Exclusion(_) => ConstraintDimension::Exclusion,
            Self::Inclusion(_) => ConstraintDimension::Inclusion,
            Self::Numerical { .. } => ConstraintDimension::Numerical,
            Self::RolePlaying(_) => ConstraintDimension::RolePlaying,
            Self::TargetAudience(_) => ConstraintDimension::TargetAudience,
            Self::PriorCondition { .. } => ConstraintDimension::PriorCondition,
            Self::NaturalLanguageProcess(_) => ConstraintDimension::NaturalLanguageProcess,
            Self::MarkdownProcess(_) => ConstraintDimension::MarkdownProcess,
            Self::TableBackground { .. } => ConstraintDimension::TableBackground,
            Self::TextBackground(_) => ConstraintDimension::TextBackground,
            Self::ToneAndStyle(_) => ConstraintDimension::ToneAndStyle,
            Self::Emotion { .. } => ConstraintDimension::Emotion,
            Self::LinguisticCharacteristics(_) => ConstraintDimension::LinguisticCharacteristics,
            Self::Multilingual(_) => ConstraintDimension::Multilingual,
            Self::OutputFormat(_) => ConstraintDimension::OutputFormat,
            Self::TextPattern(_) => ConstraintDimension::TextPattern,
            Self::GrammarStructure(_) => ConstraintDimension::GrammarStructure,
            Self::Citation(_) => ConstraintDimension::Citation,
            Self::NumberingAndList(_) => ConstraintDimension::NumberingAndList,
            Self::HierarchicalStructure(_) => ConstraintDimension::HierarchicalStructure,
            Self::Template { .. } => ConstraintDimension::Template,
            Self::PositiveExample(_) => ConstraintDimension::PositiveExample,
            Self::NegativeExample(_) => ConstraintDimension::NegativeExample,
        }
    }
}
