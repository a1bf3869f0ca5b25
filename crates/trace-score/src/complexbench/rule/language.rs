//! Rules as they are meant.

use std::collections::HashMap;

use serde::de::IgnoredAny;
use thiserror::Error;

use super::argument::split_list;
use super::literal::{Literal, evaluate};
use super::text::{chinese, contains, ends_with, length, only_punctuation, starts_with, unquoted, words};

/// The longest object in which JSON is looked for, in bytes.
const MAX_JSON_BYTES: usize = 1 << 18;

/// A smallest and a largest number, both included.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bounds {
    /// The smallest.
    pub least: f64,
    /// The largest; may be infinite.
    pub most: f64,
}

impl Bounds {
    fn hold(self, value: f64) -> bool {
        self.least <= value && value <= self.most
    }
}

/// What is asked of an object, or of all of them.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Check {
    /// It has every word.
    Keywords(Vec<String>),
    /// Of these words it has a number within the bounds.
    KeywordCount(Bounds, Vec<String>),
    /// It has none of the words.
    ForbiddenWords(Vec<String>),
    /// It starts so.
    StartsWith(String),
    /// It does not start so.
    NotStartsWith(String),
    /// It ends so, a final mark aside.
    EndsWith(String),
    /// It does not end so, a final mark aside.
    NotEndsWith(String),
    /// There are as many objects as starts, and each starts as its own.
    StartsInOrder(Vec<String>),
    /// Its number of characters lies within the bounds.
    Characters(Bounds),
    /// Its number of words lies within the bounds.
    Words(Bounds),
    /// The number of objects lies within the bounds.
    Objects(Bounds),
    /// It is this text, a final full stop aside.
    Equals(String),
    /// It holds a JSON object with exactly these keys, or with any if there are none.
    JsonKeys(Vec<String>),
    /// It has no punctuation but these marks.
    Punctuation(Vec<String>),
}

/// One line of a rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Clause {
    /// What is asked.
    pub check: Check,
    /// Whether it is asked of every object, and not of the first alone.
    pub each: bool,
}

/// A rule: clauses that must all hold.
///
/// ```
/// use trace_score::complexbench::Rule;
///
/// let rule = Rule::parse("keyword:[rain]\nlength:[1,20]")?;
/// assert!(rule.holds(&["The rain falls."]));
/// assert!(!rule.holds(&["The sun shines."]));
/// # Ok::<(), trace_score::complexbench::RuleError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// The clauses, at least one.
    pub clauses: Vec<Clause>,
}

/// Why a text is no rule.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum RuleError {
    /// The text does not begin with the name of a rule and a colon.
    #[error("{rule:?} is no known rule")]
    Unknown {
        /// The first line, at most 80 characters of it.
        rule: String,
    },
    /// The argument is not what the rule needs: `[smallest, largest]`, or for `Json` a list of texts.
    #[error("the argument {argument:?} of the rule {name} is not {expected}")]
    BadArgument {
        /// The rule's name.
        name: String,
        /// Its argument, at most 80 characters of it.
        argument: String,
        /// What it should be.
        expected: &'static str,
    },
}

impl Rule {
    /// Reads `name:argument`, one clause to a line; a line that begins with no known name continues the argument.
    ///
    /// # Errors
    ///
    /// An unknown rule, or bounds that are no two numbers. Nothing of the text is executed.
    pub fn parse(text: &str) -> Result<Self, RuleError> {
        let mut parts: Vec<(Name, String)> = Vec::new();
        for line in text.trim_end_matches(['\n', '\r']).split('\n') {
            match (Name::split(line), parts.last_mut()) {
                (Some((name, argument)), _) => parts.push((name, argument.to_owned())),
                (None, Some((_, argument))) => {
                    argument.push('\n');
                    argument.push_str(line);
                }
                (None, None) => return Err(RuleError::Unknown { rule: beginning(line) }),
            }
        }
        let clauses = parts.iter().map(|(name, argument)| name.clause(argument)).collect::<Result<_, _>>()?;
        Ok(Self { clauses })
    }

    /// Whether every clause holds on the extracted objects; blank objects and the text `None` are no objects.
    ///
    /// Both sides are compared with Chinese punctuation for that of ASCII. An object in quotes may pass with them or
    /// without, unless something is forbidden: then it must pass in both ways. Without objects only what forbids holds.
    pub fn holds(&self, objects: &[impl AsRef<str>]) -> bool {
        let objects: Vec<&str> = objects.iter().map(|object| object.as_ref().trim()).collect();
        let present: Vec<&str> =
            objects.into_iter().filter(|object| !object.is_empty() && *object != "None").collect();
        self.clauses.iter().all(|clause| clause.holds(&present))
    }
}

/// A known name, without the prefix `model_`.
struct Name {
    base: &'static str,
    each: bool,
}

/// Names of clauses; those of the benchmark may have `model_` before and `_each` after them.
const NAMES: [&str; 14] = [
    "keyword",
    "keyword_num",
    "forbidden_word",
    "startswith",
    "not_startswith",
    "endswith",
    "not_endswith",
    "starts_with_list",
    "length",
    "length_word",
    "number",
    "match",
    "Json",
    "constraint_punc",
];

impl Name {
    fn split(line: &str) -> Option<(Self, &str)> {
        let (name, argument) = line.split_once(':')?;
        let name = name.strip_prefix("model_").unwrap_or(name);
        let (base, each) = name.strip_suffix("_each").map_or((name, false), |base| (base, true));
        let base = base.replace("not ", "not_");
        NAMES.iter().find(|known| **known == base).map(|&base| (Self { base, each }, argument))
    }

    fn clause(&self, argument: &str) -> Result<Clause, RuleError> {
        let bad = |expected| RuleError::BadArgument {
            name: self.base.to_owned(),
            argument: beginning(argument),
            expected,
        };
        let words = || -> Vec<String> {
            let members = split_list(argument).into_iter().map(|member| member.trim().to_owned());
            members.filter(|member| !member.is_empty()).collect()
        };
        let limits = || bounds(argument).ok_or_else(|| bad("[smallest, largest]"));
        let text = argument.to_owned();
        let check = match self.base {
            "keyword" => Check::Keywords(words()),
            "keyword_num" => keyword_count(words()).ok_or_else(|| bad("[smallest, largest, word, ...]"))?,
            "forbidden_word" => Check::ForbiddenWords(words()),
            "startswith" => Check::StartsWith(text),
            "not_startswith" => Check::NotStartsWith(text),
            "endswith" => Check::EndsWith(text),
            "not_endswith" => Check::NotEndsWith(text),
            "starts_with_list" => Check::StartsInOrder(words()),
            "length" => Check::Characters(limits()?),
            "length_word" => Check::Words(limits()?),
            "number" => Check::Objects(limits()?),
            "match" => Check::Equals(text),
            "Json" => Check::JsonKeys(keys(argument).ok_or_else(|| bad("a list of texts"))?),
            _ => Check::Punctuation(words()),
        };
        Ok(Clause { check, each: self.each })
    }
}

fn beginning(text: &str) -> String {
    text.chars().take(80).collect()
}

fn bounds(argument: &str) -> Option<Bounds> {
    match evaluate(argument.trim()) {
        Ok(Literal::List(bounds)) => match bounds[..] {
            [Literal::Number(least), Literal::Number(most)] => Some(Bounds { least, most }),
            _ => None,
        },
        _ => None,
    }
}

fn keyword_count(mut parts: Vec<String>) -> Option<Check> {
    let words = parts.split_off(parts.len().min(2));
    match parts.iter().map(|number| number.parse().ok()).collect::<Option<Vec<f64>>>()?[..] {
        [least, most] => Some(Check::KeywordCount(Bounds { least, most }, words)),
        _ => None,
    }
}

fn keys(argument: &str) -> Option<Vec<String>> {
    let Ok(Literal::List(keys)) = evaluate(argument.trim()) else {
        return None;
    };
    let text = |key| match key {
        Literal::Text(key) => Some(key),
        _ => None,
    };
    let keys: Option<Vec<String>> = keys.into_iter().map(text).collect();
    keys.map(|keys| keys.into_iter().filter(|key| !key.is_empty()).collect())
}

impl Clause {
    fn holds(&self, objects: &[&str]) -> bool {
        match &self.check {
            Check::Objects(bounds) => bounds.hold(objects.len() as f64),
            Check::StartsInOrder(starts) => {
                let fits = |(object, start): (&&str, &String)| starts_with(&chinese(object), start);
                objects.len() == starts.len() && objects.iter().zip(starts).all(fits)
            }
            check if objects.is_empty() => check.forbids(),
            check if self.each => objects.iter().all(|object| check.holds(object)),
            check => check.holds(objects[0]),
        }
    }
}

impl Check {
    /// Whether it holds where there is nothing to check.
    fn forbids(&self) -> bool {
        matches!(self, Self::ForbiddenWords(_) | Self::NotStartsWith(_) | Self::NotEndsWith(_))
    }

    fn holds(&self, object: &str) -> bool {
        let inner = unquoted(object).unwrap_or(object);
        let holds = |way: &str| self.holds_for(way, &chinese(way));
        match (holds(object), self.forbids()) {
            (decided, forbids) if inner == object || decided != forbids => decided,
            _ => holds(inner),
        }
    }

    fn holds_for(&self, raw: &str, text: &str) -> bool {
        match self {
            Self::Keywords(words) => words.iter().all(|word| contains(text, word)),
            Self::KeywordCount(bounds, words) => {
                bounds.hold(words.iter().filter(|word| contains(text, word)).count() as f64)
            }
            Self::ForbiddenWords(words) => !words.iter().any(|word| contains(text, word)),
            Self::StartsWith(start) => starts_with(text, start),
            Self::NotStartsWith(start) => !starts_with(text, start),
            Self::EndsWith(end) => ends(text, end),
            Self::NotEndsWith(end) => !ends(text, end),
            Self::Characters(bounds) => bounds.hold(length(raw)),
            Self::Words(bounds) => bounds.hold(words(raw)),
            Self::Equals(wanted) => text.trim_end_matches('。') == chinese(wanted).trim_end_matches('。'),
            Self::JsonKeys(keys) => json_has(raw, keys),
            Self::Punctuation(allowed) => only_punctuation(text, allowed),
            Self::StartsInOrder(_) | Self::Objects(_) => false,
        }
    }
}

fn ends(text: &str, end: &str) -> bool {
    ends_with(text, end) || text.strip_suffix('！').is_some_and(|text| ends_with(text, end))
}

/// Whether the first JSON object in a text has these keys and no others.
fn json_has(text: &str, keys: &[String]) -> bool {
    if text.len() > MAX_JSON_BYTES {
        return false;
    }
    let object = |(at, _)| {
        let mut stream =
            serde_json::Deserializer::from_str(&text[at..]).into_iter::<HashMap<String, IgnoredAny>>();
        stream.next()?.ok()
    };
    let Some(found) = text.match_indices('{').find_map(object) else {
        return false;
    };
    keys.is_empty() || (found.len() == keys.len() && keys.iter().all(|key| found.contains_key(key)))
}
