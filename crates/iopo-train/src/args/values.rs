//! Types of values: how they are read, and how the table of keys writes them.

use std::fmt;

use iopo_data::{LengthPolicy, RenderTime, Template, UnknownLabels};
use iopo_files::{setting_flag, setting_number, setting_whole};
use serde::de::{DeserializeOwned, IntoDeserializer};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::schedule::LrScheduleKind;
use crate::step::GroupPasses;

/// The values that a number may have.
#[derive(Debug, Clone, Copy)]
pub(super) struct Range {
    /// In words, as in "which is not 1 or more".
    pub(super) text: &'static str,
    fits: fn(f64) -> bool,
}

impl Range {
    pub(super) const ANY: Self = Self::note("");

    pub(super) const fn new(text: &'static str, fits: fn(f64) -> bool) -> Self {
        Self { text, fits }
    }

    /// A text for the table of a key whose values are checked elsewhere.
    pub(super) const fn note(text: &'static str) -> Self {
        Self { text, fits: |_| true }
    }

    pub(super) fn contains(self, number: Option<f64>) -> bool {
        number.is_none_or(self.fits)
    }
}

/// Why a value cannot be taken.
#[derive(Debug)]
pub(super) enum Misfit {
    /// It has another type.
    Type,
    /// It is a number that the type does not hold.
    Range,
    /// It is not one of these names.
    Name(&'static [&'static str]),
}

/// A type that a key can have.
pub(super) trait KeyValue: Sized {
    /// The type's name in the table of keys.
    const TYPE: &'static str;
    /// The expected value, in messages.
    const EXPECTED: &'static str;

    fn read(value: &Value) -> Result<Self, Misfit>;

    /// The value in Markdown, as a user would write it.
    fn written(&self) -> String;

    /// The number whose range is checked.
    fn number(&self) -> Option<f64> {
        None
    }

    /// Every name, for a type that consists of names.
    fn names() -> &'static [&'static str] {
        &[]
    }
}

impl<T: KeyValue> KeyValue for Option<T> {
    const TYPE: &'static str = T::TYPE;
    const EXPECTED: &'static str = T::EXPECTED;

    fn read(value: &Value) -> Result<Self, Misfit> {
        T::read(value).map(Some)
    }

    fn written(&self) -> String {
        self.as_ref().map_or_else(|| "none".to_owned(), T::written)
    }

    fn number(&self) -> Option<f64> {
        self.as_ref().and_then(T::number)
    }

    fn names() -> &'static [&'static str] {
        T::names()
    }
}

/// Numbers are not texts: `007` would become 7.
impl KeyValue for String {
    const TYPE: &'static str = "text";
    const EXPECTED: &'static str = "a text (in quotes if it looks like something else)";

    fn read(value: &Value) -> Result<Self, Misfit> {
        value.as_str().map(str::to_owned).ok_or(Misfit::Type)
    }

    fn written(&self) -> String {
        format!("`{self}`")
    }
}

impl KeyValue for Vec<String> {
    const TYPE: &'static str = "list";
    const EXPECTED: &'static str = "a list of texts";

    fn read(value: &Value) -> Result<Self, Misfit> {
        match value {
            Value::String(text) => Ok(text
                .split(',')
                .map(|part| part.trim().to_owned())
                .filter(|part| !part.is_empty())
                .collect()),
            Value::Array(items) => items.iter().map(String::read).collect(),
            _ => Err(Misfit::Type),
        }
    }

    fn written(&self) -> String {
        if self.is_empty() { "none".to_owned() } else { format!("`{}`", self.join(", ")) }
    }
}

impl KeyValue for bool {
    const TYPE: &'static str = "true or false";
    const EXPECTED: &'static str = "true or false";

    fn read(value: &Value) -> Result<Self, Misfit> {
        setting_flag(value).ok_or(Misfit::Type)
    }

    fn written(&self) -> String {
        format!("`{self}`")
    }
}

impl KeyValue for f64 {
    const TYPE: &'static str = "number";
    const EXPECTED: &'static str = "a number";

    fn read(value: &Value) -> Result<Self, Misfit> {
        setting_number(value)
            .ok_or(Misfit::Type)
            .and_then(|x| if x.is_finite() { Ok(x) } else { Err(Misfit::Range) })
    }

    fn written(&self) -> String {
        // 0.00005 is hard to count.
        if *self != 0.0 && self.abs() < 1e-3 { format!("{self:e}") } else { self.to_string() }
    }

    fn number(&self) -> Option<f64> {
        Some(*self)
    }
}

/// Counts of rows, tokens, updates and the like: products of two of them fit into 64 bits.
const MOST: i128 = 1_000_000_000;

macro_rules! integers {
    ($($type:ty: $most:expr, $expected:literal);+) => {$(
        impl KeyValue for $type {
            const TYPE: &'static str = "integer";
            const EXPECTED: &'static str = $expected;

            fn read(value: &Value) -> Result<Self, Misfit> {
                let read = setting_whole(value).filter(|read| *read <= $most).ok_or(Misfit::Type)?;
                <$type>::try_from(read).map_err(|_| Misfit::Range)
            }

            fn written(&self) -> String {
                self.to_string()
            }

            fn number(&self) -> Option<f64> {
                Some(*self as f64)
            }
        }
    )+};
}

// A u64 is a seed.
integers!(
    i64: MOST, "an integer, at most a billion";
    usize: MOST, "an integer, at most a billion";
    u64: i128::MAX, "an integer"
);

/// Which parameters are trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Tuning {
    Full,
    Lora,
}

impl KeyValue for RenderTime {
    const TYPE: &'static str = "date";
    const EXPECTED: &'static str = "a date such as 2024-07-26";

    fn read(value: &Value) -> Result<Self, Misfit> {
        value.as_str().and_then(|text| text.parse().ok()).ok_or(Misfit::Type)
    }

    fn written(&self) -> String {
        format!("`{self}`")
    }
}

/// When something is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Interval {
    No,
    Steps,
    Epoch,
}

/// What happens to rows that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BadRows {
    Stop,
    Skip,
}

/// Which answers evaluation prompts get.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Decoding {
    Greedy,
    Sampled,
    Both,
}

/// The checkpoint from which a run continues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Resume {
    No,
    Latest,
    From(String),
}

impl KeyValue for Resume {
    const TYPE: &'static str = "text, true or false";
    const EXPECTED: &'static str = "a text, true or false";

    fn read(value: &Value) -> Result<Self, Misfit> {
        match bool::read(value) {
            Ok(false) => Ok(Self::No),
            Ok(true) => Ok(Self::Latest),
            Err(_) => String::read(value).map(|folder| match folder.trim().is_empty() {
                true => Self::No,
                false => Self::From(folder),
            }),
        }
    }

    fn written(&self) -> String {
        match self {
            Self::No => "none".to_owned(),
            Self::Latest => "`true`".to_owned(),
            Self::From(folder) => folder.written(),
        }
    }
}

/// serde's answer to a name that a type does not have: the names that it has.
#[derive(Debug)]
struct Names(&'static [&'static str]);

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "none of {}", self.0.join(", "))
    }
}

impl std::error::Error for Names {}

impl serde::de::Error for Names {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self(&[])
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self(expected)
    }
}

fn named<T: DeserializeOwned>(name: &str) -> Result<T, Names> {
    T::deserialize(name.into_deserializer())
}

/// Types that consist of the names that serde gives their variants.
macro_rules! names {
    ($($type:ty),+) => {$(
        impl KeyValue for $type {
            const TYPE: &'static str = "name";
            const EXPECTED: &'static str = "a text";

            fn read(value: &Value) -> Result<Self, Misfit> {
                let name = match value {
                    // YAML 1.1 reads a bare `no` as false.
                    Value::Bool(false) => "no",
                    Value::Bool(true) => "true",
                    Value::String(name) if setting_flag(value) == Some(false) && name != "no" => "no",
                    Value::String(name) => name,
                    _ => return Err(Misfit::Type),
                };
                named(name).map_err(|Names(names)| Misfit::Name(names))
            }

            fn written(&self) -> String {
                serde_json::to_value(self).ok().and_then(|name| Some(name.as_str()?.to_owned())).unwrap_or_default().written()
            }

            fn names() -> &'static [&'static str] {
                named::<Self>("").map_or_else(|Names(names)| names, |_| &[])
            }
        }
    )+};
}

names!(
    BadRows,
    Decoding,
    GroupPasses,
    Interval,
    LengthPolicy,
    LrScheduleKind,
    Template,
    Tuning,
    UnknownLabels
);
