//! Which constraints go together, and what may be named under them.

use trace_schema::ConstraintDimension::{
    self, GrammarStructure, LinguisticCharacteristics, Multilingual, NegativeExample, NumberingAndList,
    OutputFormat, TableBackground, TextBackground, TextPattern,
};

use crate::values::{Bound, Language, Separator};
use crate::{Background, Item, Rule, Task, WORDINGS, WorldError};

/// Pairs of dimensions that never occur together: English words have no place between foreign names, items have one
/// layout, and a task has one input.
pub const EXCLUDED_PAIRS: [(ConstraintDimension, ConstraintDimension); 7] = [
    (Multilingual, TextPattern),
    (Multilingual, GrammarStructure),
    (Multilingual, LinguisticCharacteristics),
    (OutputFormat, NumberingAndList),
    (OutputFormat, NegativeExample),
    (NumberingAndList, NegativeExample),
    (TableBackground, TextBackground),
];

/// The number of items when no constraint gives one.
pub(crate) const DEFAULT_COUNT: usize = 3;

/// The most items that a responder writes and a number in a constraint can be.
pub(crate) const MAX_COUNT: usize = 6;

/// Things that must remain to choose from, so that there are several right responses to every task.
const MIN_THINGS: usize = 4;

/// Whether two dimensions may occur together.
pub(crate) fn go_together(first: ConstraintDimension, second: ConstraintDimension) -> bool {
    first != second
        && !EXCLUDED_PAIRS.contains(&(first, second))
        && !EXCLUDED_PAIRS.contains(&(second, first))
}

/// The least and the most items that the constraints allow a responder.
pub(crate) fn count_range(task: &Task) -> (usize, usize) {
    let range = |bound: Bound, count: usize| match bound {
        Bound::Exactly => (count, count),
        Bound::AtLeast => (count, MAX_COUNT),
        Bound::AtMost => (1, count),
    };
    let numerical = task.rules().find_map(|rule| match rule {
        Rule::Numerical { bound, count } => Some(range(*bound, usize::from(*count))),
        _ => None,
    });
    numerical.unwrap_or((DEFAULT_COUNT, DEFAULT_COUNT))
}

/// The things that must be named.
pub(crate) fn required(task: &Task) -> &[Item] {
    let items = task.rules().find_map(|rule| match rule {
        Rule::Inclusion(items) => Some(items.as_slice()),
        _ => None,
    });
    items.unwrap_or_default()
}

/// The things that may be named.
pub(crate) fn allowed(task: &Task) -> Vec<Item> {
    let input = task.input();
    let allows = |rule: &Rule, item: Item| match rule {
        Rule::Theme(theme) => theme.contains(item),
        Rule::Exclusion(items) => !items.contains(&item),
        Rule::TextBackground(holder) => input.is_some_and(|input| input.things_of(*holder).contains(&item)),
        Rule::TableBackground { side, price } => {
            input.is_some_and(|input| input.has_price(item, *side, *price))
        }
        _ => true,
    };
    task.category().items().filter(|item| task.rules().all(|rule| allows(rule, *item))).collect()
}

/// Checks that a task has a meaning and at least one response, and so has every task with fewer of its constraints.
pub(crate) fn check(task: &Task) -> Result<(), WorldError> {
    for wording in task.wordings() {
        if wording >= WORDINGS {
            return Err(WorldError::task(format!("there is no wording {wording}: they are 0, 1 and 2")));
        }
    }
    if let Some(input) = task.input() {
        let items = input.items();
        if items.iter().enumerate().any(|(index, item)| items[..index].contains(item)) {
            return Err(WorldError::task("a thing stands in the input twice"));
        }
    }
    for rule in task.rules() {
        let wrong = |problem| format!("the constraint of the dimension {} {problem}", rule.dimension());
        check_value(task, rule).map_err(|problem| WorldError::task(wrong(problem)))?;
    }
    check_pairs(task)?;
    check_things(task)
}

fn check_pairs(task: &Task) -> Result<(), WorldError> {
    let dimensions: Vec<_> = task.rules().map(Rule::dimension).collect();
    for (index, &first) in dimensions.iter().enumerate() {
        for &second in &dimensions[..index] {
            if first == second {
                return Err(WorldError::task(format!("two constraints have the dimension {first}")));
            }
            if !go_together(first, second) {
                let reason = format!("constraints of the dimensions {second} and {first} do not go together");
                return Err(WorldError::task(reason));
            }
        }
    }
    Ok(())
}

fn check_things(task: &Task) -> Result<(), WorldError> {
    let allowed = allowed(task);
    let (least, most) = count_range(task);
    let needed = MIN_THINGS.max(least + 1);
    if allowed.len() < needed {
        let things = allowed.len();
        let reason = format!("only {things} things may be named, and the task needs {needed}");
        return Err(WorldError::task(reason));
    }
    let required = required(task);
    if required.len() >= most {
        let required = required.len();
        return Err(WorldError::task(format!(
            "{required} things must be named, and there are {most} items at most: nothing is left to choose"
        )));
    }
    match required.iter().find(|item| !allowed.contains(item)) {
        Some(item) => {
            Err(WorldError::task(format!("{item} must be named, and other constraints rule it out")))
        }
        None => Ok(()),
    }
}

fn check_value(task: &Task, rule: &Rule) -> Result<(), &'static str> {
    let number = |value: u8| (1..=MAX_COUNT).contains(&usize::from(value));
    let (valid, problem) = match rule {
        Rule::Theme(theme) => (theme.category() == task.category(), "is about another category"),
        Rule::Exclusion(items) | Rule::Inclusion(items) => {
            let own = items.iter().all(|item| item.category() == task.category());
            (own && is_short_set(items), "needs one or two different things of the category")
        }
        Rule::Numerical { count, .. } => (number(*count), "needs a number from 1 to 6"),
        Rule::PriorCondition { than, .. } => (number(*than), "needs a number from 1 to 6"),
        Rule::NaturalLanguageProcess(process) => {
            (process.steps[0] != process.steps[1], "needs two different steps")
        }
        Rule::MarkdownProcess(process) => (process.steps[0] != process.steps[1], "needs two different steps"),
        Rule::TableBackground { .. } => {
            (matches!(task.input(), Some(Background::Table(_))), "needs a table as input")
        }
        Rule::TextBackground(_) => {
            (matches!(task.input(), Some(Background::Text { .. })), "needs a text as input")
        }
        Rule::Multilingual(language) => {
            (*language != Language::English, "needs a language that is not English")
        }
        Rule::NegativeExample(also) => (*also != Some(Separator::Comma), "rules out the comma twice"),
        _ => (true, ""),
    };
    if valid { Ok(()) } else { Err(problem) }
}

fn is_short_set(items: &[Item]) -> bool {
    match items {
        [_] => true,
        [first, second] => first != second,
        _ => false,
    }
}
