//! Taking typed values out of a map, and remembering everything that is wrong with it.

use serde_json::{Map, Value};
use trace_schema::nearest;

use super::keys::{IGNORED, UNSUPPORTED, written};
use super::{Notice, Problem};

pub(super) struct Reader {
    map: Map<String, Value>,
    known: Vec<&'static str>,
    problems: Vec<Problem>,
}

impl Reader {
    pub(super) fn new(map: Map<String, Value>) -> Self {
        Self { map, known: Vec::new(), problems: Vec::new() }
    }

    #[cfg(test)]
    pub(super) fn known(&self) -> &[&'static str] {
        &self.known
    }

    /// Takes a value; null counts as absent.
    fn take(&mut self, key: &'static str) -> Option<Value> {
        self.known.push(key);
        self.map.remove(key).filter(|value| !value.is_null())
    }

    fn typed<T>(
        &mut self,
        key: &'static str,
        expected: &'static str,
        read: impl Fn(&Value) -> Option<T>,
    ) -> Option<T> {
        let value = self.take(key)?;
        let typed = read(&value);
        if typed.is_none() {
            self.problems.push(Problem::WrongType { key, expected, found: shorten(&value.to_string()) });
        }
        typed
    }

    /// A text. Numbers are not: `007` would come out as 7.
    pub(super) fn text(&mut self, key: &'static str) -> Option<String> {
        self.typed(key, "a text (in quotes if it looks like something else)", |value| {
            value.as_str().map(str::to_owned)
        })
    }

    /// A text, where `no`, `true` and `false` are values too; whether YAML takes them for texts
    /// depends on its version.
    pub(super) fn text_or_flag(&mut self, key: &'static str) -> Option<String> {
        self.typed(key, "a text, true or false", |value| match value {
            Value::String(text) => Some(text.clone()),
            Value::Bool(flag) => Some(flag.to_string()),
            _ => None,
        })
    }

    pub(super) fn text_or(&mut self, key: &'static str, default: &str) -> String {
        self.text(key).unwrap_or_else(|| default.to_owned())
    }

    pub(super) fn flag_or_none(&mut self, key: &'static str) -> Option<bool> {
        self.typed(key, "true or false", Value::as_bool)
    }

    pub(super) fn flag(&mut self, key: &'static str, default: bool) -> bool {
        self.typed(key, "true or false", Value::as_bool).unwrap_or(default)
    }

    pub(super) fn integer(&mut self, key: &'static str) -> Option<i64> {
        self.typed(key, "an integer", |value| {
            // `500.0` is an integer to everybody but a parser.
            value
                .as_i64()
                .or_else(|| value.as_f64().filter(|x| x.fract() == 0.0 && x.abs() < 1e15).map(|x| x as i64))
        })
    }

    pub(super) fn integer_or(&mut self, key: &'static str, default: i64) -> i64 {
        self.integer(key).unwrap_or(default)
    }

    /// A number; `5e-6`, which YAML takes for a text, is one too.
    pub(super) fn number(&mut self, key: &'static str) -> Option<f64> {
        self.typed(key, "a number", |value| value.as_f64().or_else(|| value.as_str()?.parse().ok()))
    }

    pub(super) fn number_or(&mut self, key: &'static str, default: f64) -> f64 {
        self.number(key).unwrap_or(default)
    }

    /// A list, or a text with commas.
    pub(super) fn list(&mut self, key: &'static str) -> Option<Vec<String>> {
        let split = |text: &str| {
            text.split(',').map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
        };
        self.typed(key, "a list of texts", |value| match value {
            Value::String(text) => Some(split(text)),
            Value::Array(items) => items.iter().map(|item| item.as_str().map(str::to_owned)).collect(),
            _ => None,
        })
    }

    /// Takes the keys that are accepted without effect.
    pub(super) fn take_notices(&mut self) -> Vec<Notice> {
        let mut notices = Vec::new();
        for ignored in IGNORED {
            if let Some(value) = self.take(ignored.key)
                && let Some(text) = ignored.notice(&value)
            {
                notices.push(Notice { key: ignored.key.to_owned(), text: text.to_owned() });
            }
        }
        notices
    }

    /// Everything that is wrong, leftover keys included.
    pub(super) fn finish(mut self) -> Vec<Problem> {
        for (key, value) in std::mem::take(&mut self.map) {
            self.problems.extend(self.leftover(key, &value));
        }
        self.problems
    }

    fn leftover(&self, key: String, value: &Value) -> Option<Problem> {
        let Some(unsupported) = UNSUPPORTED.iter().find(|unsupported| unsupported.key == key) else {
            let suggestion = self.nearest(&key);
            return Some(Problem::UnknownKey { key: shorten(&key), suggestion });
        };
        (!value.is_null() && !unsupported.allows(value)).then(|| Problem::Unsupported {
            key,
            value: shorten(&written(value)),
            reason: unsupported.reason.to_owned(),
        })
    }

    fn nearest(&self, key: &str) -> Option<String> {
        let unsupported = UNSUPPORTED.iter().map(|unsupported| unsupported.key);
        nearest(key, self.known.iter().copied().chain(unsupported)).map(str::to_owned)
    }
}

/// Enough of a value to recognise it in a message.
fn shorten(text: &str) -> String {
    const SHOWN: usize = 80;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}
