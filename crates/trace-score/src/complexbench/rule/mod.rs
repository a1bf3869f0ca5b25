//! The rules that questions carry: how they are read, and whether extracted objects follow them.

mod argument;
mod braces;
mod by_line;
mod by_name;
mod check;
mod literal;
mod text;

use thiserror::Error;

use self::check::Check;
use self::text::{chinese, unquoted};
use super::python_error::PythonError;
use super::quirks::ComplexBenchQuirks;
use super::verdict::Verdict;

/// A text that is not a rule: an unknown name, or an argument that the rule cannot have.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct RuleError(String);

/// A rule, as the official program reads it or as it is meant.
///
/// ```
/// use trace_score::complexbench::{ComplexBenchQuirks, Rule, Verdict};
///
/// let rule = Rule::parse("keyword:[rain]\nlength:[1,20]", ComplexBenchQuirks::none())?;
/// assert_eq!(rule.verdict(&["The rain falls."]), Ok(Verdict::Holds));
/// assert_eq!(rule.verdict(&["The sun shines."]), Ok(Verdict::Fails));
/// # Ok::<(), trace_score::complexbench::RuleError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    reading: Reading,
    quirks: ComplexBenchQuirks,
}

/// The reading of a text.
#[derive(Debug, Clone, PartialEq)]
enum Reading {
    /// Clauses that must all hold.
    Lines(Vec<Clause>),
    /// One clause on all objects.
    OfObjects(Clause),
    /// One clause on the first object, if the rule is known.
    Plain(Option<Clause>),
    Unknown,
}

/// Checks that must hold together.
#[derive(Debug, Clone, PartialEq)]
struct Clause {
    /// The checks, or why the argument cannot be read.
    checks: Result<Vec<Check>, PythonError>,
    /// Whether every object must pass, and not the first alone.
    each: bool,
    /// Whether an argument that cannot be read is an error only where there is an object to check.
    lazy: bool,
    /// Whether the clause holds where there is nothing to check.
    forbids: bool,
    /// Whether it is the one of which the official program spares the last of several objects.
    spares_last: bool,
    normalised: Normalised,
    forms: Forms,
}

/// When the punctuation of an object is turned into Chinese.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Normalised {
    Never,
    BeforeQuotes,
    AfterQuotes,
}

/// Which forms of an object pass: as it is, or without the quotes around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Forms {
    Whole,
    Inner,
    WholeOrInner,
    InnerOrWhole,
    Both,
}

impl Rule {
    /// Reads `name:argument`, one clause to a line; a line that begins with no known name continues the argument.
    /// Nothing of the text is executed.
    ///
    /// With [`ComplexBenchQuirks::first_rule_name`] any text is a rule, and its arguments are lists of numbers and texts;
    /// of Python's other expressions, which the official program's `eval` would accept, none is evaluated
    /// ([`PythonError::Unsupported`]).
    ///
    /// # Errors
    ///
    /// An unknown rule, or an argument that the rule cannot have.
    pub fn parse(text: &str, quirks: ComplexBenchQuirks) -> Result<Self, RuleError> {
        let reading = match quirks.first_rule_name {
            true => by_name::read(text),
            false => Reading::Lines(by_line::read(text)?),
        };
        Ok(Self { reading, quirks })
    }

    /// Whether extracted objects follow the rule; blank objects and the text `None` do not count.
    ///
    /// Both sides are compared with Chinese punctuation for that of ASCII. An object in quotes may pass with them or
    /// without, unless something is forbidden: then it must pass in both ways. Without objects only what forbids holds.
    ///
    /// # Errors
    ///
    /// Where the official program raises an exception, with [`ComplexBenchQuirks::first_rule_name`].
    pub fn verdict(&self, objects: &[impl AsRef<str>]) -> Result<Verdict, PythonError> {
        let objects: Vec<&str> = objects.iter().map(AsRef::as_ref).collect();
        match &self.reading {
            Reading::Lines(clauses) => {
                let trimmed = objects.into_iter().map(str::trim);
                let present: Vec<&str> =
                    trimmed.filter(|object| !object.is_empty() && *object != "None").collect();
                all(clauses, |clause| clause.holds(&present, self.quirks)).map(Verdict::from)
            }
            Reading::OfObjects(clause) if matches!(objects[..], [] | [""]) => {
                Ok(Verdict::from(clause.forbids))
            }
            Reading::OfObjects(clause) => clause.holds(&objects, self.quirks).map(Verdict::from),
            Reading::Plain(clause) => {
                let inner = objects.first().map(|object| unquoted(object)).transpose()?;
                let Some(clause) = clause else { return Ok(Verdict::Unknown) };
                let nothing = |object: &str| object.is_empty() || object.contains("None");
                let forms = [inner, objects.first().copied()].map(Option::unwrap_or_default);
                let holds = |form: &&str| match nothing(form) {
                    true => Ok(clause.forbids),
                    false => clause.holds_for(form, self.quirks),
                };
                Ok(Verdict::from(holds(&forms[0])? || holds(&forms[1])?))
            }
            Reading::Unknown => Ok(Verdict::Unknown),
        }
    }
}

impl Clause {
    fn holds(&self, objects: &[&str], quirks: ComplexBenchQuirks) -> Result<bool, PythonError> {
        match self.checks.as_deref() {
            Err(error) if !self.lazy => return Err(error.clone()),
            Ok([check]) => {
                if let Some(outcome) = check.of_all(objects) {
                    return outcome;
                }
            }
            _ => {}
        }
        let Some(first) = objects.first() else { return Ok(self.forbids) };
        if !self.each {
            return self.passes(first, quirks);
        }
        let spares_last = self.spares_last && quirks.last_object_unchecked;
        let checked = match objects {
            [but_last @ .., _] if spares_last && !but_last.is_empty() => but_last,
            objects => objects,
        };
        all(checked.iter().filter(|object| !object.is_empty()), |object| self.passes(object, quirks))
    }

    fn passes(&self, object: &str, quirks: ComplexBenchQuirks) -> Result<bool, PythonError> {
        let early = self.normalised == Normalised::BeforeQuotes;
        let object = if early { chinese(object) } else { object.to_owned() };
        let whole = || self.holds_for(&object, quirks);
        let inner = || self.holds_for(unquoted(&object)?, quirks);
        match self.forms {
            Forms::Whole => whole(),
            Forms::Inner => inner(),
            Forms::WholeOrInner => Ok(whole()? || inner()?),
            Forms::InnerOrWhole => Ok(inner()? || whole()?),
            Forms::Both => Ok(whole()? && inner()?),
        }
    }

    fn holds_for(&self, form: &str, quirks: ComplexBenchQuirks) -> Result<bool, PythonError> {
        let raw = self.normalised == Normalised::Never && quirks.raw_punctuation;
        let text = if raw { form.to_owned() } else { chinese(form) };
        all(self.checks.as_ref().map_err(Clone::clone)?, |check| check.holds(form, &text, quirks))
    }
}

/// Whether all hold; every one is checked, so that errors come as they do in the official program.
fn all<T>(
    items: impl IntoIterator<Item = T>,
    mut holds: impl FnMut(T) -> Result<bool, PythonError>,
) -> Result<bool, PythonError> {
    items.into_iter().try_fold(true, |all, item| Ok(holds(item)? && all))
}
