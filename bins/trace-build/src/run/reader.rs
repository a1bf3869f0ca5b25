//! Taking typed values out of a map, and remembering everything that is wrong with it.

use iopo_files::{setting_flag, setting_number, setting_whole, short};
use serde_json::{Map, Value};
use trace_schema::nearest;

/// One map of a configuration file.
pub(super) struct Section {
    /// What stands before a key in messages: `generator.`, for instance.
    prefix: String,
    map: Map<String, Value>,
    known: Vec<&'static str>,
    problems: Vec<String>,
}

impl Section {
    pub(super) fn new(map: Map<String, Value>) -> Self {
        Self { prefix: String::new(), map, known: Vec::new(), problems: Vec::new() }
    }

    /// Notes a problem with a key.
    pub(super) fn problem(&mut self, key: &str, what: &str) {
        self.problems.push(format!("`{}{key}` {what}", self.prefix));
    }

    /// Takes a value; null counts as absent.
    pub(super) fn take(&mut self, key: &'static str) -> Option<Value> {
        self.known.push(key);
        self.map.remove(key).filter(|value| !value.is_null())
    }

    /// Takes a value that `read` understands.
    pub(super) fn read<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Option<T> {
        let value = self.take(key)?;
        let found = read(&value);
        if found.is_none() {
            self.problem(key, &format!("should be {expected}, found {}", short(&value.to_string())));
        }
        found
    }

    /// A value that must be there.
    pub(super) fn needed<T>(&mut self, key: &'static str, value: Option<T>) -> Option<T> {
        let named = format!("`{}{key}`", self.prefix);
        if value.is_none() && !self.problems.iter().any(|problem| problem.starts_with(&named)) {
            self.problem(key, "is missing");
        }
        value
    }

    pub(super) fn text(&mut self, key: &'static str) -> Option<String> {
        self.read(key, "a text (in quotes if it looks like something else)", |value| {
            value.as_str().filter(|text| !text.trim().is_empty()).map(str::to_owned)
        })
    }

    pub(super) fn flag(&mut self, key: &'static str) -> Option<bool> {
        self.read(key, "true or false", setting_flag)
    }

    pub(super) fn whole(&mut self, key: &'static str, least: u64, most: u64) -> Option<u64> {
        let expected = match most {
            u64::MAX => format!("a whole number from {least}"),
            _ => format!("a whole number from {least} to {most}"),
        };
        self.read(key, &expected, |value| {
            u64::try_from(setting_whole(value)?).ok().filter(|number| (least..=most).contains(number))
        })
    }

    pub(super) fn small(&mut self, key: &'static str, least: u32) -> Option<u32> {
        self.whole(key, least.into(), u32::MAX.into()).and_then(|number| u32::try_from(number).ok())
    }

    pub(super) fn size(&mut self, key: &'static str, least: u64, most: u64) -> Option<usize> {
        self.whole(key, least, most).and_then(|number| usize::try_from(number).ok())
    }

    pub(super) fn number(
        &mut self,
        key: &'static str,
        expected: &str,
        fits: impl FnOnce(f64) -> bool,
    ) -> Option<f64> {
        self.read(key, expected, |value| {
            let number = setting_number(value)?;
            (number.is_finite() && fits(number)).then_some(number)
        })
    }

    /// A map of its own; its problems become this one's with [`close`](Self::close).
    pub(super) fn section(&mut self, key: &'static str) -> Option<Self> {
        let map = self.read(key, "a map of keys and values", |value| value.as_object().cloned())?;
        Some(Self { prefix: format!("{}{key}.", self.prefix), ..Self::new(map) })
    }

    /// Takes over the problems of a map inside, unknown keys included.
    pub(super) fn close(&mut self, inner: Self) {
        let problems = inner.finish();
        self.problems.extend(problems);
    }

    /// Everything that is wrong, unknown keys included.
    pub(super) fn finish(mut self) -> Vec<String> {
        for key in std::mem::take(&mut self.map).keys() {
            let suggestion = nearest(key, self.known.iter().copied());
            let suggestion = suggestion
                .map(|known| format!("; did you mean `{}{known}`?", self.prefix))
                .unwrap_or_default();
            self.problems.push(format!("unknown key `{}{}`{suggestion}", self.prefix, short(key)));
        }
        self.problems
    }
}
