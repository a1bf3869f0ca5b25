//! Typed access to the keys of a JSON object, with errors that name file and key.

use std::fmt::Display;
use std::io;
use std::path::Path;

use iopo_files::{short, whole_number};
use serde_json::{Map, Value};

use crate::error::ConfigError;

/// The largest JSON file beside weights that is read, tokenizers aside.
const MOST_BYTES: u64 = 16 << 20;

/// The text of a JSON file; `None` where the file does not exist.
pub(crate) fn read_text(path: &Path) -> Result<Option<String>, ConfigError> {
    match iopo_files::read_text(path, MOST_BYTES) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ConfigError::Read { path: path.to_owned(), source }),
    }
}

/// The object in the text of a JSON file.
pub(crate) fn parse(text: &str, path: &Path) -> Result<Map<String, Value>, ConfigError> {
    match serde_json::from_str(text) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Err(ConfigError::invalid(path, "expected a JSON object")),
        Err(source) => Err(ConfigError::Json { path: path.to_owned(), source }),
    }
}

/// The object in a JSON file.
pub(crate) fn read(path: &Path) -> Result<Map<String, Value>, ConfigError> {
    let text = iopo_files::read_text(path, MOST_BYTES);
    parse(&text.map_err(|source| ConfigError::Read { path: path.to_owned(), source })?, path)
}

/// The keys of an object; JSON null counts as absent.
pub(crate) struct Keys<'a> {
    pub(crate) path: &'a Path,
    pub(crate) map: &'a Map<String, Value>,
}

impl<'a> Keys<'a> {
    /// The value of `key`.
    pub(crate) fn get(&self, key: &str) -> Option<&'a Value> {
        self.map.get(key).filter(|value| !value.is_null())
    }

    /// The object below `key`, if any.
    pub(crate) fn object(&self, key: &str) -> Result<Option<Keys<'a>>, ConfigError> {
        self.get(key)
            .map(|value| match value.as_object() {
                Some(map) => Ok(Keys { path: self.path, map }),
                None => Err(self.wrong_type(key, "an object", value)),
            })
            .transpose()
    }

    pub(crate) fn string(&self, key: &str) -> Result<&'a str, ConfigError> {
        let value = self.get(key).ok_or_else(|| self.missing(key))?;
        value.as_str().ok_or_else(|| self.wrong_type(key, "a string", value))
    }

    pub(crate) fn size(&self, key: &str) -> Result<usize, ConfigError> {
        self.size_or_none(key)?.ok_or_else(|| self.missing(key))
    }

    pub(crate) fn size_or_none(&self, key: &str) -> Result<Option<usize>, ConfigError> {
        self.get(key)
            .map(|value| {
                whole_number(value)
                    .and_then(|size| usize::try_from(size).ok())
                    .ok_or_else(|| self.wrong_type(key, "a non-negative integer", value))
            })
            .transpose()
    }

    pub(crate) fn number(&self, key: &str) -> Result<Option<f64>, ConfigError> {
        self.get(key)
            .map(|value| value.as_f64().ok_or_else(|| self.wrong_type(key, "a number", value)))
            .transpose()
    }

    pub(crate) fn needed_number(&self, key: &str) -> Result<f64, ConfigError> {
        self.number(key)?.ok_or_else(|| self.missing(key))
    }

    pub(crate) fn flag(&self, key: &str) -> Result<bool, ConfigError> {
        self.get(key).map_or(Ok(false), |value| {
            value.as_bool().ok_or_else(|| self.wrong_type(key, "true or false", value))
        })
    }

    pub(crate) fn missing(&self, key: &str) -> ConfigError {
        self.invalid(format!("missing key `{key}`"))
    }

    pub(crate) fn unsupported(&self, key: &str, value: impl Display, supported: &str) -> ConfigError {
        self.invalid(format!("`{key}` is {}; supported: {supported}", short(&value.to_string())))
    }

    pub(crate) fn wrong_type(&self, key: &str, expected: &str, value: &Value) -> ConfigError {
        self.invalid(format!("`{key}` should be {expected}, found {}", short(&value.to_string())))
    }

    pub(crate) fn invalid(&self, reason: impl Into<String>) -> ConfigError {
        ConfigError::invalid(self.path, reason)
    }
}
