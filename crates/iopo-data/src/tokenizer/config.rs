use std::io::ErrorKind;
use std::path::Path;

use iopo_files::{excerpt, read_text, whole_number};
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::TokenizerError;

/// The keys of `tokenizer_config.json` that training needs.
#[derive(Debug, Default, Deserialize)]
pub(super) struct TokenizerConfig {
    pub(super) bos_token: Option<TokenText>,
    pub(super) eos_token: Option<TokenText>,
    pub(super) pad_token: Option<TokenText>,
    pub(super) chat_template: Option<TemplateText>,
}

/// A token as plain text, or as a mapping that also says how it strips.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum TokenText {
    Plain(String),
    Described { content: String },
}

impl TokenText {
    pub(super) fn into_text(self) -> String {
        match self {
            Self::Plain(text) | Self::Described { content: text } => text,
        }
    }
}

/// One chat template, or several by name.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum TemplateText {
    One(String),
    Named(Vec<NamedTemplate>),
}

#[derive(Debug, Deserialize)]
pub(super) struct NamedTemplate {
    name: String,
    template: String,
}

impl TemplateText {
    /// The template named `default`, or the only one.
    pub(super) fn into_default(self) -> Option<String> {
        match self {
            Self::One(text) => Some(text),
            Self::Named(mut all) if all.len() == 1 => all.pop().map(|only| only.template),
            Self::Named(all) => all.into_iter().find(|one| one.name == "default").map(|one| one.template),
        }
    }
}

/// The end-of-sequence ids of `generation_config.json`.
#[derive(Debug, Default, Deserialize)]
pub(super) struct GenerationConfig {
    #[serde(default, deserialize_with = "token_ids")]
    eos_token_id: Vec<u32>,
}

impl GenerationConfig {
    pub(super) fn into_eos_ids(self) -> Vec<u32> {
        self.eos_token_id
    }
}

/// A token id, a list of them, or null.
fn token_ids<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u32>, D::Error> {
    let found = Value::deserialize(deserializer)?;
    let id = |value: &Value| u32::try_from(whole_number(value)?).ok();
    let ids = match &found {
        Value::Null => Some(Vec::new()),
        Value::Array(values) => values.iter().map(id).collect(),
        one => id(one).map(|id| vec![id]),
    };
    ids.ok_or_else(|| {
        let found = found.to_string();
        D::Error::custom(format!(
            "`eos_token_id` should be a token id or a list of them, found {}",
            excerpt(&found)
        ))
    })
}

/// Reads a JSON file that must be there.
pub(super) fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, TokenizerError> {
    read_json_if_present(path)?.ok_or_else(|| TokenizerError::missing(path))
}

/// Reads a JSON file, `None` if it does not exist.
pub(super) fn read_json_if_present<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, TokenizerError> {
    let Some(text) = read_if_present(path)? else {
        return Ok(None);
    };
    let value = serde_json::from_str(&text).map_err(|source| TokenizerError::malformed(path, source))?;
    Ok(Some(value))
}

/// Reads a text file without its byte order mark, `None` if it does not exist.
pub(super) fn read_if_present(path: &Path) -> Result<Option<String>, TokenizerError> {
    /// Some ten times the largest tokenizer that is in use.
    const MOST_BYTES: u64 = 256 << 20;
    match read_text(path, MOST_BYTES) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(TokenizerError::because(format!("cannot read {}", path.display()), source)),
    }
}
