//! Single checks, which remember what is wrong and go on.

use std::path::PathBuf;

use iopo_loss::LossConfigError;

use crate::args::{Notice, Problem};

pub(super) struct Checker {
    pub(super) problems: Vec<Problem>,
    pub(super) notices: Vec<Notice>,
    /// Whether the program evaluates with metrics of its own.
    pub(super) has_evaluator: bool,
}

impl Checker {
    pub(super) fn new(notices: Vec<Notice>) -> Self {
        Self { problems: Vec::new(), notices, has_evaluator: false }
    }

    pub(super) fn path(&mut self, key: &'static str, value: Option<&String>) -> Option<PathBuf> {
        let given = value.filter(|path| !path.is_empty());
        if given.is_none() {
            self.problems.push(Problem::Missing { key });
        }
        given.map(PathBuf::from)
    }

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

    pub(super) fn at_least(&mut self, key: &'static str, value: i64, least: i64) -> Option<usize> {
        match usize::try_from(value) {
            Ok(size) if value >= least => Some(size),
            _ => {
                let range = match least {
                    0 => "0 or more",
                    1 => "1 or more",
                    _ => "2 or more",
                };
                self.out_of_range(key, value, range);
                None
            }
        }
    }

    /// A share that is at most `high`.
    pub(super) fn up_to(&mut self, key: &'static str, value: f64, high: f64, range: &'static str) -> f64 {
        self.number(key, value, (0.0..=high).contains(&value), range)
    }

    /// A share below `high`.
    pub(super) fn below(&mut self, key: &'static str, value: f64, high: f64, range: &'static str) -> f64 {
        self.number(key, value, (0.0..high).contains(&value), range)
    }

    pub(super) fn positive(&mut self, key: &'static str, value: f64) -> f64 {
        self.number(key, value, value.is_finite() && value > 0.0, "a positive number")
    }

    pub(super) fn non_negative(&mut self, key: &'static str, value: f64) -> f64 {
        self.number(key, value, value.is_finite() && value >= 0.0, "0 or more")
    }

    pub(super) fn number(&mut self, key: &'static str, value: f64, fits: bool, range: &'static str) -> f64 {
        if !fits {
            self.out_of_range(key, value, range);
        }
        value
    }

    fn out_of_range(&mut self, key: &'static str, value: impl ToString, range: &'static str) {
        self.problems.push(Problem::OutOfRange { key, value: value.to_string(), range });
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

    /// A line for a key that was set to something and that nothing looks at.
    pub(super) fn no_effect(&mut self, key: &str, differs: bool, reason: &str) {
        if differs {
            self.notice(key, &format!("has no effect, because {reason}"));
        }
    }
}

/// One [`Checker::no_effect`] for each key whose value is not the default.
macro_rules! no_effect {
    ($check:expr, $args:expr, $reason:expr, [$($key:ident),* $(,)?]) => {{
        let defaults = $crate::args::TrainArgs::default();
        $($check.no_effect(stringify!($key), $args.$key != defaults.$key, $reason);)*
    }};
}
pub(super) use no_effect;
