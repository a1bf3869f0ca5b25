//! Values as other programs write them: `3.0` for 3, a number or flag in quotes.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, Error, Unexpected, Visitor};
use serde_json::Value;

/// The whole number that a JSON number is; `3.0`, which is how data frames and Arrow write 3, is one.
pub fn whole_number(value: &Value) -> Option<i128> {
    let integer = value.as_u64().map(i128::from).or_else(|| value.as_i64().map(i128::from));
    integer.or_else(|| value.as_f64().and_then(whole))
}

/// A float that is whole, and small enough to stand for one number alone.
fn whole(number: f64) -> Option<i128> {
    const EXACT: f64 = (1_u64 << 53) as f64;
    (number.fract() == 0.0 && number.abs() <= EXACT).then_some(number as i128)
}

/// Deserializes a whole number as [`whole_number`] reads it, for serde's `deserialize_with`.
///
/// # Errors
///
/// Another value, and a number that the type does not hold.
pub fn deserialize_whole<'de, D: Deserializer<'de>, T: TryFrom<i128>>(
    deserializer: D,
) -> Result<T, D::Error> {
    let number = deserializer.deserialize_any(WholeVisitor)?;
    T::try_from(number).map_err(|_| D::Error::custom(format!("{number} is out of range")))
}

struct WholeVisitor;

impl Visitor<'_> for WholeVisitor {
    type Value = i128;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<i128, E> {
        Ok(number.into())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<i128, E> {
        Ok(number.into())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<i128, E> {
        whole(number).ok_or_else(|| E::invalid_value(Unexpected::Float(number), &self))
    }
}

/// The flag that a value of a configuration is: true or false, or a text that YAML 1.1 takes for one.
pub fn setting_flag(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" => Some(true),
            "false" | "no" | "off" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// The number that a value of a configuration is: a number, or a text that reads as one, such as `5e-6`, which YAML 1.1
/// takes for a text.
pub fn setting_number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| digits(value)?.parse().ok())
}

/// The whole number that a value of a configuration is: as [`setting_number`], where nothing follows the point.
pub fn setting_whole(value: &Value) -> Option<i128> {
    match digits(value) {
        Some(text) => text.parse().ok().or_else(|| whole(text.parse().ok()?)),
        None => whole_number(value),
    }
}

/// A text without what Python allows in numbers: blanks around them, and `_` between digits.
fn digits(value: &Value) -> Option<Cow<'_, str>> {
    let text = value.as_str()?.trim();
    let is_digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_digit);
    let bytes = text.as_bytes();
    let underscores = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'_').map(|(at, _)| at);
    let mut between = underscores
        .map(|at| is_digit(at.checked_sub(1).and_then(|at| bytes.get(at))) && is_digit(bytes.get(at + 1)));
    match between.clone().next() {
        None => Some(Cow::Borrowed(text)),
        Some(_) => between.all(|between| between).then(|| Cow::Owned(text.replace('_', ""))),
    }
}

/// Enough of a foreign text to recognise it in a message.
pub fn short(text: &str) -> Cow<'_, str> {
    const SHOWN: usize = 80;
    match text.char_indices().nth(SHOWN) {
        None => Cow::Borrowed(text),
        Some((end, _)) => Cow::Owned(format!("{}...", text.get(..end).unwrap_or_default())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_whole_float_is_a_whole_number_and_another_one_or_a_text_is_none() {
        for (value, number) in [
            (json!(3), Some(3)),
            (json!(-3.0), Some(-3)),
            (json!(3e2), Some(300)),
            (json!(u64::MAX), Some(i128::from(u64::MAX))),
            (json!(i64::MIN), Some(i128::from(i64::MIN))),
            (json!(2.5), None),
            (json!(1e300), None),
            (json!("3"), None),
            (json!(true), None),
            (json!(null), None),
        ] {
            assert_eq!(whole_number(&value), number, "{value}");
        }
    }

    #[test]
    fn a_field_takes_whole_floats_and_names_what_else_it_finds() {
        let read = |text: &str| deserialize_whole::<_, u8>(&mut serde_json::Deserializer::from_str(text));
        assert_eq!(read("3.0").unwrap(), 3);
        assert_eq!(read("3").unwrap(), 3);
        for (text, part) in [
            ("2.5", "floating point `2.5`, expected a whole number"),
            ("\"3\"", "string \"3\", expected a whole number"),
            ("null", "null, expected a whole number"),
            ("256", "256 is out of range"),
            ("-1.0", "-1 is out of range"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn flags_are_the_words_of_yaml_in_quotes_or_not() {
        for (value, flag) in [
            (json!(true), Some(true)),
            (json!("True"), Some(true)),
            (json!("yes"), Some(true)),
            (json!("ON"), Some(true)),
            (json!("off"), Some(false)),
            (json!(" no "), Some(false)),
            (json!(1), None),
            (json!("1"), None),
            (json!(""), None),
        ] {
            assert_eq!(setting_flag(&value), flag, "{value}");
        }
    }

    #[test]
    fn settings_are_numbers_in_quotes_or_not() {
        for (value, number) in [
            (json!(5e-6), Some(5e-6)),
            (json!("5e-6"), Some(5e-6)),
            (json!(" 5.0e-6 "), Some(5e-6)),
            (json!("1_000.5"), Some(1000.5)),
            (json!("1__0"), None),
            (json!("_1"), None),
            (json!("1_"), None),
            (json!("a"), None),
            (json!(""), None),
        ] {
            assert_eq!(setting_number(&value), number, "{value}");
        }
        for (value, number) in [
            (json!("16"), Some(16)),
            (json!("3.0"), Some(3)),
            (json!(3.0), Some(3)),
            (json!("1_000"), Some(1_000)),
            (json!("1e3"), Some(1_000)),
            (json!("18446744073709551615"), Some(i128::from(u64::MAX))),
            (json!("3.5"), None),
            (json!("inf"), None),
            (json!(false), None),
        ] {
            assert_eq!(setting_whole(&value), number, "{value}");
        }
    }

    #[test]
    fn a_long_text_is_cut_at_a_character() {
        assert_eq!(short("ä"), "ä");
        assert_eq!(short(&"ä".repeat(5_000_000)), format!("{}...", "ä".repeat(80)));
    }
}
