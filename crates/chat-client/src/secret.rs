//! The key of an endpoint, which is shown nowhere.

use std::fmt;

use serde_json::{Map, Value};

use crate::error::ConfigError;

mod spelling;

use spelling::Needle;

/// The text in the place of a key.
const REDACTED: &str = "[redacted]";

/// A key that is sent to its endpoint and shown nowhere: neither `Debug` nor an error nor a journal has it.
#[derive(Clone)]
pub struct Secret {
    key: String,
    needles: Vec<Needle>,
}

impl Secret {
    fn new(key: &str) -> Self {
        Self { key: key.to_owned(), needles: Needle::of(key) }
    }

    /// Reads a key from an environment variable, without the white space around it.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Setting`] where the variable is not set, empty, or not text. A name that may itself be a key is
    /// not shown.
    pub fn from_env(variable: &str) -> Result<Self, ConfigError> {
        let value = std::env::var(variable).unwrap_or_default();
        match value.trim() {
            "" if is_name(variable) => Err(ConfigError::setting(format!(
                "the environment variable {variable}, which should hold the API key, is not set, empty, or no text"
            ))),
            "" => Err(ConfigError::setting(
                "the environment variable that should hold the API key is not set, and its name looks like a key \
                 itself; give the name of a variable, such as OPENAI_API_KEY",
            )),
            key => Ok(Self::new(key)),
        }
    }

    /// Takes every occurrence of the key out of a text, also where its characters are escaped (as in JSON, C, URLs, HTML
    /// and quoted-printable) and, for keys of 8 bytes or more, where it is in base64 or hexadecimal digits.
    ///
    /// Endpoints quote a key that they do not accept, and their words go into errors.
    pub fn redact(&self, text: &str) -> String {
        let bytes = text.as_bytes();
        let (mut shown, mut kept, mut at) = (String::new(), 0, 0);
        while at < bytes.len() {
            match self.needles.iter().filter_map(|needle| needle.end(bytes, at)).max() {
                Some(end) => {
                    shown.push_str(text.get(kept..at).unwrap_or_default());
                    shown.push_str(REDACTED);
                    (kept, at) = (end, end);
                }
                None => at += 1,
            }
        }
        shown.push_str(text.get(kept..).unwrap_or_default());
        shown
    }

    /// Redacts every text of a document, its keys included.
    pub(crate) fn redact_all(&self, value: &mut Value) {
        match value {
            Value::String(text) => *text = self.redact(text),
            Value::Array(values) => values.iter_mut().for_each(|value| self.redact_all(value)),
            Value::Object(map) => {
                let entries = std::mem::take(map).into_iter();
                *map = entries.map(|(key, value)| (self.redact(&key), value)).collect::<Map<_, _>>();
                map.values_mut().for_each(|value| self.redact_all(value));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// The key itself, for the header alone.
    pub(crate) fn expose(&self) -> &str {
        &self.key
    }
}

/// Whether a text is like the names of variables, in capitals, and unlike keys, which have small letters, hyphens, or
/// digits without an underscore.
fn is_name(text: &str) -> bool {
    let has_digits = text.bytes().any(|byte| byte.is_ascii_digit());
    let is_plain = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    text.bytes().all(is_plain) && (!has_digits || text.contains('_'))
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Secret({REDACTED})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_not_in_debug_output_and_is_taken_out_of_texts() {
        let secret = Secret::new("sk-123");
        assert_eq!(format!("{secret:?} {:?}", Some(&secret)), "Secret([redacted]) Some(Secret([redacted]))");
        assert_eq!(secret.redact("no sk-123, sk-12, sk-1234"), "no [redacted], sk-12, [redacted]4");
    }

    #[test]
    fn a_variable_that_is_not_set_is_named() {
        let error = Secret::from_env("CHAT_CLIENT_NO_SUCH_VARIABLE").unwrap_err();
        assert!(error.to_string().contains("CHAT_CLIENT_NO_SUCH_VARIABLE"), "{error}");
    }

    #[test]
    fn a_key_in_the_place_of_a_name_is_not_shown() {
        for key in ["sk-proj-A1b2C3", "gsk_0a1B2c3D4e5F6", "AKIAIOSFODNN7EXAMPLE", "0123456789"] {
            let error = Secret::from_env(key).unwrap_err();
            assert!(!format!("{error} {error:?}").contains(key), "{error:?}");
            assert!(error.to_string().contains("looks like a key itself"), "{error}");
        }
    }
}
