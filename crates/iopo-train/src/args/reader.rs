//! Taking typed values out of a map, and remembering everything that is wrong with it.

use iopo_files::short;
use serde_json::{Map, Value};
use trace_schema::nearest;

use super::foreign::{IGNORED, UNSUPPORTED, written};
use super::values::{KeyValue, Misfit, Range};
use super::{Notice, Problem};

#[derive(Default)]
pub(super) struct Reader {
    map: Map<String, Value>,
    known: Vec<&'static str>,
    problems: Vec<Problem>,
    invalid: Vec<Problem>,
}

impl Reader {
    pub(super) fn new(map: Map<String, Value>) -> Self {
        Self { map, ..Self::default() }
    }

    /// Takes a value; null counts as absent.
    fn take(&mut self, key: &'static str) -> Option<Value> {
        self.known.push(key);
        self.map.remove(key).filter(|value| !value.is_null())
    }

    /// Takes a value of a type; the default stands for one that is absent or wrong.
    pub(super) fn read<T: KeyValue>(&mut self, key: &'static str, default: T, range: Range) -> T {
        let Some(value) = self.take(key) else { return default };
        let found = || short(&written(&value)).into_owned();
        match T::read(&value) {
            Ok(read) if range.contains(read.number()) => return read,
            Ok(_) | Err(Misfit::Range) => {
                self.invalid.push(Problem::OutOfRange { key, value: found(), range: range.text });
            }
            Err(Misfit::Name(names)) => {
                self.invalid.push(Problem::UnknownName { key, value: found(), known: names.join(", ") });
            }
            Err(Misfit::Type) => {
                let found = short(&value.to_string()).into_owned();
                self.problems.push(Problem::WrongType { key, expected: T::EXPECTED, found });
            }
        }
        default
    }

    /// Takes the keys that are accepted without effect.
    pub(super) fn notices(&mut self) -> Vec<Notice> {
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

    /// Values outside their ranges and unknown names.
    pub(super) fn invalid(&mut self) -> Vec<Problem> {
        std::mem::take(&mut self.invalid)
    }

    /// Wrong types, and keys that are left over.
    pub(super) fn finish(mut self) -> Vec<Problem> {
        for (key, value) in std::mem::take(&mut self.map) {
            self.problems.extend(self.leftover(key, &value));
        }
        self.problems
    }

    fn leftover(&self, key: String, value: &Value) -> Option<Problem> {
        let Some(unsupported) = UNSUPPORTED.iter().find(|unsupported| unsupported.key == key) else {
            let suggestion = self.nearest(&key);
            return Some(Problem::UnknownKey { key: short(&key).into_owned(), suggestion });
        };
        (!value.is_null() && !unsupported.allows(value)).then(|| Problem::Unsupported {
            key,
            value: short(&written(value)).into_owned(),
            reason: unsupported.reason.to_owned(),
        })
    }

    fn nearest(&self, key: &str) -> Option<String> {
        let unsupported = UNSUPPORTED.iter().map(|unsupported| unsupported.key);
        nearest(key, self.known.iter().copied().chain(unsupported)).map(str::to_owned)
    }
}
