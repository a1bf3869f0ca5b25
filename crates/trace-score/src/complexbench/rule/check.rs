//! What a rule asks of an object.

use std::collections::HashMap;

use serde::de::IgnoredAny;

use super::braces::first_braces;
use super::literal::Literal;
use super::text::{chinese, contains, ends_with, length, only_punctuation, starts_with, words};
use crate::complexbench::python_error::PythonError;
use crate::complexbench::quirks::ComplexBenchQuirks;
use crate::python::object_keys;

/// The longest object in which JSON is looked for, in bytes.
const MAX_JSON_BYTES: usize = 1 << 18;

/// A smallest and a largest number, both included; each is looked at only when it decides.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bounds {
    least: Result<f64, PythonError>,
    most: Result<f64, PythonError>,
}

impl Bounds {
    /// The first two members of a list.
    pub(super) fn of(bounds: &[Literal]) -> Self {
        let bound = |place: usize| match bounds.get(place) {
            Some(Literal::Number(bound)) => Ok(*bound),
            Some(_) => Err(PythonError::Type("a bound is not a number")),
            None => Err(PythonError::Index("list")),
        };
        Self { least: bound(0), most: bound(1) }
    }

    fn hold(&self, value: f64) -> Result<bool, PythonError> {
        Ok(value >= self.least.clone()? && value <= self.most.clone()?)
    }
}

/// What is asked of an object, or of all of them.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Check {
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
    /// It holds a JSON object with exactly these keys, or any JSON object if the list is empty.
    JsonKeys(Vec<Literal>),
    /// It has no punctuation but these marks.
    Punctuation(Vec<String>),
}

impl Check {
    /// `[smallest, largest, word, ...]`.
    pub(super) fn keyword_count(
        parts: &[String],
        number: impl Fn(&str) -> Option<f64>,
    ) -> Result<Self, PythonError> {
        let number = |place: usize| {
            let text = parts.get(place).ok_or(PythonError::Index("list"))?;
            number(text).ok_or_else(|| PythonError::Value(text.clone()))
        };
        let bounds = Bounds { least: Ok(number(0)?), most: Ok(number(1)?) };
        Ok(Self::KeywordCount(bounds, parts.get(2..).unwrap_or_default().to_vec()))
    }

    /// Keys; empty ones do not count.
    pub(super) fn json_keys(keys: Vec<Literal>) -> Self {
        Self::JsonKeys(keys.into_iter().filter(|key| *key != Literal::Text(String::new())).collect())
    }

    /// Whether it holds where there is nothing to check.
    pub(super) fn forbids(&self) -> bool {
        matches!(self, Self::ForbiddenWords(_) | Self::NotStartsWith(_) | Self::NotEndsWith(_))
    }

    /// The check on all objects together, for those that are about their number.
    pub(super) fn of_all(&self, objects: &[&str]) -> Option<Result<bool, PythonError>> {
        match self {
            Self::Objects(bounds) => Some(bounds.hold(objects.len() as f64)),
            Self::StartsInOrder(starts) => {
                let fits = |(object, start): (&&str, &String)| {
                    object.is_empty() || starts_with(&chinese(object), start)
                };
                Some(Ok(objects.len() == starts.len() && objects.iter().zip(starts).all(fits)))
            }
            _ => None,
        }
    }

    /// The check on one object: as it is, and as it is compared.
    pub(super) fn holds(
        &self,
        raw: &str,
        text: &str,
        quirks: ComplexBenchQuirks,
    ) -> Result<bool, PythonError> {
        let ends = |end: &str| {
            let inner = text.strip_suffix('！').filter(|_| !quirks.narrow_endings);
            ends_with(text, end) || inner.is_some_and(|inner| ends_with(inner, end))
        };
        Ok(match self {
            Self::Keywords(words) => words.iter().all(|word| contains(text, word)),
            Self::KeywordCount(bounds, words) => {
                bounds.hold(words.iter().filter(|word| contains(text, word)).count() as f64)?
            }
            Self::ForbiddenWords(words) => !words.iter().any(|word| contains(text, word)),
            Self::StartsWith(start) => starts_with(text, start),
            Self::NotStartsWith(start) => !starts_with(text, start),
            Self::EndsWith(end) => ends(end),
            Self::NotEndsWith(end) => !ends(end),
            Self::Characters(bounds) => bounds.hold(length(raw))?,
            Self::Words(bounds) => bounds.hold(words(raw))?,
            Self::Equals(wanted) if quirks.narrow_endings => {
                text == wanted || text.strip_suffix(['。', '.']) == Some(wanted)
            }
            Self::Equals(wanted) => text.trim_end_matches('。') == chinese(wanted).trim_end_matches('。'),
            Self::JsonKeys(wanted) => {
                let keys = match quirks.braces_by_count {
                    true => object_keys(first_braces(raw)).map(|keys| keys.into_iter().collect()),
                    false => first_object_keys(raw),
                };
                keys.is_some_and(|keys: Vec<String>| has_keys(&keys, wanted))
            }
            Self::Punctuation(allowed) => only_punctuation(text, allowed),
            Self::StartsInOrder(_) | Self::Objects(_) => false,
        })
    }
}

fn has_keys(keys: &[String], wanted: &[Literal]) -> bool {
    let known = |key: &Literal| matches!(key, Literal::Text(key) if keys.contains(key));
    wanted.is_empty() || (keys.len() == wanted.len() && wanted.iter().all(known))
}

/// The keys of the first JSON object in a text.
fn first_object_keys(text: &str) -> Option<Vec<String>> {
    if text.len() > MAX_JSON_BYTES {
        return None;
    }
    let object = |(at, _)| {
        let mut stream =
            serde_json::Deserializer::from_str(&text[at..]).into_iter::<HashMap<String, IgnoredAny>>();
        stream.next()?.ok()
    };
    Some(text.match_indices('{').find_map(object)?.into_keys().collect())
}
