//! The verdict on one question.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// The verdict on one question, as the benchmark's files write it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Satisfied: `true` or 1.
    Holds,
    /// Not satisfied: `false` or 0.
    Fails,
    /// A rule that the official program does not know: 2.
    Unknown,
    /// No verdict: `null`.
    Missing,
}

impl From<bool> for Verdict {
    fn from(holds: bool) -> Self {
        if holds { Self::Holds } else { Self::Fails }
    }
}

impl Serialize for Verdict {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Holds => serializer.serialize_bool(true),
            Self::Fails => serializer.serialize_bool(false),
            Self::Unknown => serializer.serialize_u8(2),
            Self::Missing => serializer.serialize_none(),
        }
    }
}

impl<'de> Deserialize<'de> for Verdict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        match (&value, value.as_f64()) {
            (Value::Null, _) => Ok(Self::Missing),
            (Value::Bool(holds), _) => Ok(Self::from(*holds)),
            (_, Some(1.0)) => Ok(Self::Holds),
            (_, Some(0.0)) => Ok(Self::Fails),
            (_, Some(2.0)) => Ok(Self::Unknown),
            _ => Err(serde::de::Error::custom(format!(
                "{value} is not a verdict: true, false, 0, 1, 2 or null"
            ))),
        }
    }
}
