//! The key of an endpoint, which is shown nowhere.

use std::fmt;

use crate::error::ConfigError;

/// What stands where a key was.
const REDACTED: &str = "[redacted]";

/// A key that is sent to its endpoint and shown nowhere: neither `Debug` nor an error nor a journal has it.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Reads a key from an environment variable, without the white space around it.
    ///
    /// # Errors
    ///
    /// [`ConfigError::NoKey`] where the variable is not set, empty, or not text.
    pub fn from_env(variable: &str) -> Result<Self, ConfigError> {
        let value = std::env::var(variable).unwrap_or_default();
        match value.trim() {
            "" => Err(ConfigError::NoKey { variable: variable.to_owned() }),
            key => Ok(Self(key.to_owned())),
        }
    }

    /// Takes every occurrence of the key out of a text.
    ///
    /// Endpoints quote a key that they do not accept, and their words go into errors.
    pub fn redact(&self, text: &str) -> String {
        text.replace(&self.0, REDACTED)
    }

    /// The key itself, for the header alone.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
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
        let secret = Secret("sk-123".to_owned());
        assert_eq!(format!("{secret:?} {:?}", Some(&secret)), "Secret([redacted]) Some(Secret([redacted]))");
        assert_eq!(secret.redact("no sk-123, sk-12, sk-1234"), "no [redacted], sk-12, [redacted]4");
    }

    #[test]
    fn a_variable_that_is_not_set_is_named() {
        let error = Secret::from_env("CHAT_CLIENT_NO_SUCH_VARIABLE").unwrap_err();
        assert!(error.to_string().contains("CHAT_CLIENT_NO_SUCH_VARIABLE"), "{error}");
    }
}
