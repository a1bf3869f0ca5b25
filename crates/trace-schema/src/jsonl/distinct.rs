//! JSON in which no object has a key twice.

use std::fmt;

use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::{Record, excerpt};

/// A JSON value in which no object has a key twice: other readers take the last one, and drop the first in silence.
///
/// ```
/// use trace_schema::{DistinctKeys, parse_json};
///
/// let error = parse_json::<DistinctKeys>(r#"{"prompt": "a", "prompt": "b"}"#).unwrap_err();
/// assert!(error.to_string().starts_with("the key \"prompt\" comes twice"));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct DistinctKeys(pub Value);

impl Record for DistinctKeys {}

impl<'de> Deserialize<'de> for DistinctKeys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor).map(Self)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(DistinctKeys(value)) = list.next_element()? {
            values.push(value);
        }
        Ok(values.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if map.contains_key(&key) {
                return Err(A::Error::custom(format_args!("the key {:?} comes twice", excerpt(&key))));
            }
            let DistinctKeys(value) = entries.next_value()?;
            map.insert(key, value);
        }
        Ok(map.into())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_key_twice_is_an_error_wherever_it_is_and_other_json_is_read_as_ever() {
        for json in [r#"{"a": 1, "a": 1}"#, r#"[[{"a": {"b": 1, "c": 2, "b": 3}}]]"#] {
            let error = serde_json::from_str::<DistinctKeys>(json).unwrap_err().to_string();
            assert!(error.contains("comes twice"), "{error}");
        }
        let json = r#"{"z": [1, -2, 2.5, 1e300, 18446744073709551615, null, true, "x\n水"], "a": {"z": {}}, "b": []}"#;
        let DistinctKeys(value) = serde_json::from_str(json).unwrap();
        assert_eq!(value, serde_json::from_str::<Value>(json).unwrap());
    }
}
