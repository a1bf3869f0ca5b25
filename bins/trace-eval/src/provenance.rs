//! Where numbers come from.

use std::path::Path;

use anyhow::Result;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;

use crate::asking::Changes;
use crate::cli::JudgeArgs;
use crate::files::{file_digest, version};

/// The provenance of a run: names and values in the order in which they were added.
#[derive(Debug)]
pub(crate) struct Provenance(Vec<(String, Value)>);

impl Provenance {
    /// Of this program.
    pub(crate) fn new() -> Self {
        Self(vec![("program".to_owned(), version().into())])
    }

    /// With a value; nothing is added for `None`.
    pub(crate) fn with(mut self, name: &str, value: impl Serialize) -> Result<Self> {
        match serde_json::to_value(value)? {
            Value::Null => {}
            value => self.0.push((name.to_owned(), value)),
        }
        Ok(self)
    }

    /// With a file as it is now and its SHA-256.
    pub(crate) fn file(self, role: &str, path: &Path) -> Result<Self> {
        let digest = file_digest(path)?;
        self.with(role, path.display().to_string())?.with(&format!("{role}_sha256"), digest)
    }

    /// With who judged and how: the names that the judge answered under, what it was asked otherwise than typed, and the
    /// digest of its prompt.
    pub(crate) fn judge(
        self,
        args: &JudgeArgs,
        answered_as: impl IntoIterator<Item = String>,
        changes: Changes,
        template_sha256: &str,
    ) -> Result<Self> {
        let templates = match &args.prompts_dir {
            Some(folder) => format!("those of {}, and built-in ones for the rest", folder.display()),
            None => "built-in: the structure of the original in other words".to_owned(),
        };
        self.with("judge", &args.judge_model)?
            .with("judge_answered_as", Vec::from_iter(answered_as))?
            .with("judge_endpoint", &args.judge_endpoint)?
            .with("temperature", args.ask.temperature.unwrap_or(0.0))?
            .with("top_p", args.ask.top_p)?
            .with("max_tokens", args.ask.max_tokens)?
            .with("seed", args.ask.seed)?
            .with("sent_otherwise", changes.some())?
            .with("parse_attempts", args.parse_attempts)?
            .with("templates", templates)?
            .with("template_sha256", template_sha256)
    }

    /// Names and values for a page.
    pub(crate) fn pairs(&self) -> Vec<(String, String)> {
        let pair = |(name, value): &(String, Value)| {
            let shown = match value {
                Value::String(text) => text.clone(),
                Value::Array(values) => {
                    values.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
                }
                other => other.to_string(),
            };
            (name.replace('_', " ").replace("sha256", "SHA-256"), shown)
        };
        self.0.iter().map(pair).collect()
    }
}

impl Serialize for Provenance {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}
