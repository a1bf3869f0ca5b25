//! Values as data frames write them: `3.0` for 3, a number for an id, null for what is absent.

use std::fmt;

use serde::de::{Error, IntoDeserializer, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

pub use iopo_files::deserialize_whole as whole;

/// As [`whole`], where the number may be null; a key that may be absent needs `default` beside it.
///
/// # Errors
///
/// As [`whole`].
pub fn optional_whole<'de, D: Deserializer<'de>, T: TryFrom<i128>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    Ok(Option::deserialize(deserializer)?.map(|Whole(number)| number))
}

/// As [`whole`], for a list of numbers.
///
/// # Errors
///
/// As [`whole`].
pub fn wholes<'de, D: Deserializer<'de>, T: TryFrom<i128>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    Ok(Vec::deserialize(deserializer)?.into_iter().map(|Whole(number)| number).collect())
}

/// Reads an id: a text, or a whole number as its digits.
///
/// For serde's `deserialize_with`.
///
/// # Errors
///
/// Any other value.
pub fn id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Id::deserialize(deserializer).map(|Id(id)| id)
}

/// As [`id`], where the id may be null; a key that may be absent needs `default` beside it.
///
/// # Errors
///
/// As [`id`].
pub fn optional_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::deserialize(deserializer)?.map(|Id(id)| id))
}

/// Reads a value, or its default for null.
///
/// # Errors
///
/// Those of the value.
pub fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    deserializer: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// The id of a row as [`id`] reads it; `None` where it has none.
pub fn id_of(row: &Value) -> Option<String> {
    Id::deserialize(row.get("id")?).ok().map(|Id(id)| id)
}

struct Whole<T>(T);

impl<'de, T: TryFrom<i128>> Deserialize<'de> for Whole<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        whole(deserializer).map(Self)
    }
}

struct Id(String);

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(IdVisitor)
    }
}

struct IdVisitor;

impl Visitor<'_> for IdVisitor {
    type Value = Id;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a whole number")
    }

    fn visit_str<E: Error>(self, id: &str) -> Result<Id, E> {
        Ok(Id(id.to_owned()))
    }

    fn visit_u64<E: Error>(self, id: u64) -> Result<Id, E> {
        Ok(Id(id.to_string()))
    }

    fn visit_i64<E: Error>(self, id: i64) -> Result<Id, E> {
        Ok(Id(id.to_string()))
    }

    fn visit_f64<E: Error>(self, id: f64) -> Result<Id, E> {
        let id: i64 = whole(id.into_deserializer())?;
        Ok(Id(id.to_string()))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Row {
        #[serde(deserialize_with = "id")]
        id: String,
        #[serde(default, deserialize_with = "optional_whole")]
        count: Option<u32>,
        #[serde(default, deserialize_with = "or_default")]
        list: Vec<u8>,
    }

    #[test]
    fn whole_floats_are_whole_numbers_and_null_is_absent() {
        let read = |id: Value, count: Value| {
            serde_json::from_value::<Row>(json!({"id": id, "count": count, "list": null}))
        };
        let row = |id: &str, count| Row { id: id.to_owned(), count, list: Vec::new() };
        assert_eq!(read(json!(7.0), json!(3.0)).unwrap(), row("7", Some(3)));
        assert_eq!(read(json!("7.0"), json!(null)).unwrap(), row("7.0", None));
        assert_eq!(read(json!(-7), json!(3)).unwrap(), row("-7", Some(3)));
        assert!(read(json!(1), json!(2.5)).unwrap_err().to_string().contains("expected a whole number"));
        assert!(read(json!(1), json!(-1.0)).unwrap_err().to_string().contains("out of range"));
        assert!(read(json!(1), json!("3")).is_err());
        assert!(read(json!(0.5), json!(1)).is_err());
        assert!(read(json!(null), json!(1)).is_err());
        assert!(read(json!(1e300), json!(1)).is_err());
    }
}
