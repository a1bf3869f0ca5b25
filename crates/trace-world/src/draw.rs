//! Sampling the values of constraints and inputs.

use trace_schema::ConstraintDimension as D;

use crate::compatibility::allowed;
use crate::rng::{below, pick, pick_some, shuffle};
use crate::rule::Process;
use crate::values::{
    AdjectiveKind, Audience, Bound, Comparison, ConditionWord, Determiner, Enclosure, Feeling, Headings,
    Holder, Language, ListMark, ListedStep, MarkKind, OutputFormat, Place, PriceSide, Role, Separator, Side,
    SpokenStep, TemplateLine, TextPattern, Tone,
};
use crate::{Background, Category, Clause, Item, Rule, Task, WORDINGS, WorldRng};

/// The numbers of items that constraints name: all but the default.
const COUNTS: [u8; 3] = [2, 4, 5];

/// The thresholds of conditions.
const THRESHOLDS: [u8; 3] = [2, 3, 4];

/// The prices with which things are compared.
const PRICES: [u8; 3] = [4, 5, 6];

/// What may differ in the separator that a bad example rules out beside the comma.
const SEPARATORS: [Option<Separator>; 4] =
    [None, Some(Separator::Semicolon), Some(Separator::Slash), Some(Separator::Plus)];

/// The languages that can be asked for.
const LANGUAGES: [Language; 2] = [Language::Spanish, Language::French];

/// The dimensions of the constraints: all of the taxonomy but Value and Privacy, which no exact rule of this small
/// world captures.
pub const DIMENSIONS: [D; 24] = [
    D::Theme,
    D::Exclusion,
    D::Inclusion,
    D::Numerical,
    D::RolePlaying,
    D::TargetAudience,
    D::PriorCondition,
    D::NaturalLanguageProcess,
    D::MarkdownProcess,
    D::TableBackground,
    D::TextBackground,
    D::ToneAndStyle,
    D::Emotion,
    D::LinguisticCharacteristics,
    D::Multilingual,
    D::OutputFormat,
    D::TextPattern,
    D::GrammarStructure,
    D::Citation,
    D::NumberingAndList,
    D::HierarchicalStructure,
    D::Template,
    D::PositiveExample,
    D::NegativeExample,
];

/// A wording, all equally often.
pub(crate) fn draw_wording(rng: &mut WorldRng) -> u8 {
    below(usize::from(WORDINGS), rng) as u8
}

/// A constraint of the dimension with a wording; `None` where the task has nothing for it to be about.
pub(crate) fn draw_clause(dimension: D, task: &Task, rng: &mut WorldRng) -> Option<Clause> {
    let rule = draw_rule(dimension, task, rng)?;
    Some(Clause { rule, wording: draw_wording(rng) })
}

/// A constraint of the dimension for a task without one.
pub(crate) fn draw_rule(dimension: D, task: &Task, rng: &mut WorldRng) -> Option<Rule> {
    Some(match dimension {
        D::Theme => Rule::Theme(*pick(&task.category().themes().collect::<Vec<_>>(), rng)?),
        D::Exclusion => Rule::Exclusion(draw_items(task, rng)),
        D::Inclusion => Rule::Inclusion(draw_items(task, rng)),
        D::Numerical => Rule::Numerical { bound: *pick(&Bound::ALL, rng)?, count: *pick(&COUNTS, rng)? },
        D::RolePlaying => Rule::RolePlaying(*pick(&Role::ALL, rng)?),
        D::TargetAudience => Rule::TargetAudience(*pick(&Audience::ALL, rng)?),
        D::PriorCondition => Rule::PriorCondition {
            comparison: *pick(&Comparison::ALL, rng)?,
            than: *pick(&THRESHOLDS, rng)?,
            word: *pick(&ConditionWord::ALL, rng)?,
        },
        D::NaturalLanguageProcess => Rule::NaturalLanguageProcess(draw_process(&SpokenStep::ALL, rng)?),
        D::MarkdownProcess => Rule::MarkdownProcess(draw_process(&ListedStep::ALL, rng)?),
        D::TableBackground if matches!(task.input(), Some(Background::Table(_))) => {
            Rule::TableBackground { side: *pick(&PriceSide::ALL, rng)?, price: *pick(&PRICES, rng)? }
        }
        D::TextBackground if matches!(task.input(), Some(Background::Text { .. })) => {
            Rule::TextBackground(*pick(&Holder::ALL, rng)?)
        }
        D::ToneAndStyle => Rule::ToneAndStyle(*pick(&Tone::ALL, rng)?),
        D::Emotion => Rule::Emotion { feeling: *pick(&Feeling::ALL, rng)?, side: *pick(&Side::ALL, rng)? },
        D::LinguisticCharacteristics => Rule::LinguisticCharacteristics(*pick(&AdjectiveKind::ALL, rng)?),
        D::Multilingual => Rule::Multilingual(*pick(&LANGUAGES, rng)?),
        D::OutputFormat => Rule::OutputFormat(*pick(&OutputFormat::ALL, rng)?),
        D::TextPattern => Rule::TextPattern(*pick(&TextPattern::ALL, rng)?),
        D::GrammarStructure => Rule::GrammarStructure(*pick(&Determiner::ALL, rng)?),
        D::Citation => Rule::Citation(*pick(&MarkKind::ALL, rng)?),
        D::NumberingAndList => Rule::NumberingAndList(*pick(&ListMark::ALL, rng)?),
        D::HierarchicalStructure => Rule::HierarchicalStructure(*pick(&Headings::ALL, rng)?),
        D::Template => {
            Rule::Template { line: *pick(&TemplateLine::ALL, rng)?, place: *pick(&Place::ALL, rng)? }
        }
        D::PositiveExample => Rule::PositiveExample(*pick(&Enclosure::ALL, rng)?),
        D::NegativeExample => Rule::NegativeExample(*pick(&SEPARATORS, rng)?),
        D::Value | D::Privacy | D::TableBackground | D::TextBackground => return None,
    })
}

/// Another constraint of the same dimension that differs in as little as possible.
pub(crate) fn draw_twin(rule: &Rule, task: &Task, rng: &mut WorldRng) -> Option<Rule> {
    const TRIES: usize = 64;
    (0..TRIES).find_map(|_| draw_rule(rule.dimension(), task, rng).filter(|twin| is_twin(rule, twin)))
}

/// Whether two different constraints of one dimension differ in one part alone.
fn is_twin(rule: &Rule, twin: &Rule) -> bool {
    let differences = match (rule, twin) {
        (Rule::Numerical { bound, count }, Rule::Numerical { bound: other_bound, count: other_count }) => {
            usize::from(bound != other_bound) + usize::from(count != other_count)
        }
        (
            Rule::PriorCondition { comparison, than, word },
            Rule::PriorCondition { comparison: other_comparison, than: other_than, word: other_word },
        ) => {
            usize::from(comparison != other_comparison)
                + usize::from(than != other_than)
                + usize::from(word != other_word)
        }
        (Rule::NaturalLanguageProcess(process), Rule::NaturalLanguageProcess(other)) => {
            process_differences(process, other)
        }
        (Rule::MarkdownProcess(process), Rule::MarkdownProcess(other)) => process_differences(process, other),
        (
            Rule::TableBackground { side, price },
            Rule::TableBackground { side: other_side, price: other_price },
        ) => usize::from(side != other_side) + usize::from(price != other_price),
        (Rule::Emotion { feeling, side }, Rule::Emotion { feeling: other_feeling, side: other_side }) => {
            usize::from(feeling != other_feeling) + usize::from(side != other_side)
        }
        (Rule::Template { line, place }, Rule::Template { line: other_line, place: other_place }) => {
            usize::from(line != other_line) + usize::from(place != other_place)
        }
        (Rule::Exclusion(items), Rule::Exclusion(other))
        | (Rule::Inclusion(items), Rule::Inclusion(other)) => {
            let same_set = items.len() == other.len() && items.iter().all(|item| other.contains(item));
            usize::from(!same_set)
        }
        _ => usize::from(rule != twin),
    };
    differences == 1
}

fn process_differences<S: PartialEq>(process: &Process<S>, other: &Process<S>) -> usize {
    let [first, second] = &process.steps;
    let [other_first, other_second] = &other.steps;
    usize::from(first != other_first)
        + usize::from(second != other_second)
        + usize::from(process.place != other.place)
}

/// One or two things among those that may be named.
fn draw_items(task: &Task, rng: &mut WorldRng) -> Vec<Item> {
    let count = 1 + below(2, rng);
    pick_some(&allowed(task), count, rng)
}

fn draw_process<S: Copy>(steps: &[S; 4], rng: &mut WorldRng) -> Option<Process<S>> {
    let place = *pick(&Place::ALL, rng)?;
    let steps = pick_some(steps, 2, rng).try_into().ok()?;
    Some(Process { steps, place })
}

/// An input of the kind that constraints of the dimension need; `None` for other dimensions.
pub(crate) fn draw_input(dimension: D, category: Category, rng: &mut WorldRng) -> Option<Background> {
    let own: Vec<Item> = category.items().collect();
    let foreign: Vec<Item> = Item::all().filter(|item| item.category() != category).collect();
    let mixed = |own: &[Item], foreign: Item, rng: &mut WorldRng| {
        let mut items = [own, &[foreign]].concat();
        shuffle(&mut items, rng);
        items
    };
    match dimension {
        D::TextBackground => {
            let (own, foreign) = (pick_some(&own, 10, rng), pick_some(&foreign, 2, rng));
            let (ann, ben) = own.split_at_checked(5)?;
            let ann = mixed(ann, *foreign.first()?, rng);
            Some(Background::Text { ann, ben: mixed(ben, *foreign.last()?, rng) })
        }
        D::TableBackground => {
            let items = mixed(&pick_some(&own, 7, rng), *pick(&foreign, rng)?, rng);
            let price = |rng: &mut WorldRng| 1 + below(9, rng) as u8;
            Some(Background::Table(items.into_iter().map(|item| (item, price(rng))).collect()))
        }
        _ => None,
    }
}
