//! Checks of keys that depend on one another; all problems are collected.

use std::path::PathBuf;

use iopo_loss::LossConfigError;

use crate::args::{Notice, Problem, TrainArgs};

pub(super) struct Checker {
    pub(super) problems: Vec<Problem>,
    pub(super) notices: Vec<Notice>,
    /// Whether the program evaluates with metrics of its own.
    pub(super) has_evaluator: bool,
}

impl Checker {
    /// A path that has no default.
    pub(super) fn needed(&mut self, key: &'static str, value: Option<&String>) -> PathBuf {
        let given = value.filter(|path| !path.is_empty());
        if given.is_none() {
            self.problems.push(Problem::Missing { key });
        }
        given.map(PathBuf::from).unwrap_or_default()
    }

    /// The value of a name, for names that no type of value has.
    pub(super) fn named<T: Copy>(
        &mut self,
        key: &'static str,
        value: &str,
        names: &[(&str, T)],
    ) -> Option<T> {
        let found = names.iter().find(|(name, _)| *name == value).map(|(_, value)| *value);
        found.or_else(|| {
            let known = names.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
            self.unknown_name(key, value, &known)
        })
    }

    pub(super) fn unknown_name<T>(&mut self, key: &'static str, value: &str, known: &str) -> Option<T> {
        self.problems.push(Problem::UnknownName { key, value: value.to_owned(), known: known.to_owned() });
        None
    }

    pub(super) fn conflict(&mut self, reason: &str) {
        self.problems.push(Problem::Conflict { reason: reason.to_owned() });
    }

    pub(super) fn or_conflict<T>(&mut self, result: Result<T, LossConfigError>) -> Option<T> {
        result.map_err(|error| self.conflict(&error.to_string())).ok()
    }

    pub(super) fn notice(&mut self, key: &str, text: &str) {
        self.notices.push(Notice { key: key.to_owned(), text: text.to_owned() });
    }

    /// A line for each of these keys that is set although nothing reads it.
    pub(super) fn no_effect(&mut self, args: &TrainArgs, keys: &[&str], reason: &str) {
        for key in keys.iter().filter(|key| !args.is_default(key)) {
            self.notice(key, &format!("has no effect, because {reason}"));
        }
    }
}
