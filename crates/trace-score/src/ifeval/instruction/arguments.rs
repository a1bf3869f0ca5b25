//! Typed reading of an instruction's arguments.

use std::collections::BTreeMap;

use iopo_files::whole_number;
use serde_json::{Map, Value};

use super::{CountBound, LANGUAGES, Relation};
use crate::ifeval::InstructionError;
use crate::python::{Pattern, PatternError, lower, strip};

/// The arguments of one instruction that have not been read yet.
pub(super) struct Arguments<'a> {
    id: &'static str,
    left: BTreeMap<&'a str, &'a Value>,
}

type Argument<T> = Result<T, InstructionError>;

impl<'a> Arguments<'a> {
    pub(super) fn new(id: &'static str, arguments: &'a Map<String, Value>) -> Self {
        let given = arguments.iter().filter(|(_, value)| !value.is_null());
        Self { id, left: given.map(|(key, value)| (key.as_str(), value)).collect() }
    }

    /// Nothing may be left.
    pub(super) fn finish(self) -> Argument<()> {
        match self.left.keys().next() {
            None => Ok(()),
            Some(&key) => Err(InstructionError::UnknownArgument { id: self.id, key: key.to_owned() }),
        }
    }

    fn take(&mut self, key: &'static str) -> Argument<&'a Value> {
        self.left.remove(key).ok_or_else(|| self.wrong(key, "is missing"))
    }

    pub(super) fn wrong(&self, key: &'static str, reason: impl Into<String>) -> InstructionError {
        InstructionError::Argument { id: self.id, key, reason: reason.into() }
    }

    pub(super) fn pattern(
        &self,
        key: &'static str,
        compiled: Result<Pattern, PatternError>,
    ) -> Argument<Pattern> {
        compiled.map_err(|source| InstructionError::Pattern { id: self.id, key, source })
    }

    pub(super) fn text(&mut self, key: &'static str) -> Argument<&'a str> {
        let value = self.take(key)?;
        value.as_str().ok_or_else(|| self.wrong(key, "is not text"))
    }

    pub(super) fn non_empty(&mut self, key: &'static str) -> Argument<&'a str> {
        match self.text(key)? {
            "" => Err(self.wrong(key, "is empty")),
            text => Ok(text),
        }
    }

    pub(super) fn texts(&mut self, key: &'static str) -> Argument<Vec<&'a str>> {
        let mistyped = self.wrong(key, "is not a list of texts");
        let values = self.take(key)?.as_array().ok_or(mistyped.clone())?;
        let texts: Option<Vec<&str>> = values.iter().map(Value::as_str).collect();
        match texts.ok_or(mistyped)? {
            texts if texts.is_empty() => Err(self.wrong(key, "is empty")),
            texts => Ok(texts),
        }
    }

    pub(super) fn count(&mut self, key: &'static str) -> Argument<u64> {
        let value = self.take(key)?;
        let count = whole_number(value).and_then(|number| u64::try_from(number).ok());
        count.ok_or_else(|| self.wrong(key, "is not a whole number from 0"))
    }

    pub(super) fn bound(&mut self, count: &'static str, relation: &'static str) -> Argument<CountBound> {
        let threshold = self.count(count)?;
        let relation = match self.text(relation)? {
            "less than" => Relation::LessThan,
            "at least" => Relation::AtLeast,
            other => {
                let reason = format!("is {other:?}, neither \"less than\" nor \"at least\"");
                return Err(self.wrong(relation, reason));
            }
        };
        Ok(CountBound { relation, threshold })
    }

    /// One character, in lower case.
    pub(super) fn letter(&mut self, key: &'static str) -> Argument<char> {
        let text = lower(strip(self.text(key)?));
        let mut chars = text.chars();
        match (chars.next(), chars.next()) {
            (Some(letter), None) => Ok(letter),
            _ => Err(self.wrong(key, "is not one character")),
        }
    }

    pub(super) fn language(&mut self, key: &'static str) -> Argument<&'static str> {
        let language = self.text(key)?;
        LANGUAGES
            .into_iter()
            .find(|&known| known == language)
            .ok_or_else(|| self.wrong(key, format!("is the unknown language {language:?}")))
    }
}
