//! The rows of the three layouts.

use iopo_files::deserialize_whole;
use serde::Deserialize;
use serde_json::{Map, Value};
use trace_schema::Record;

use super::Prompt;
use crate::ifeval::IfevalError;

/// A row of Google's data, and the `doc` of a sample; further keys are ignored.
#[derive(Debug, Deserialize)]
pub(super) struct PromptRow {
    #[serde(deserialize_with = "deserialize_whole")]
    key: u64,
    prompt: String,
    instruction_id_list: Vec<String>,
    kwargs: Vec<Map<String, Value>>,
}

/// A row of Google's responses.
#[derive(Debug, Deserialize)]
pub(super) struct ResponseRow {
    pub(super) prompt: String,
    pub(super) response: Option<String>,
}

/// A sample of lm-evaluation-harness.
#[derive(Debug, Deserialize)]
pub(super) struct SampleRow {
    doc: PromptRow,
    #[serde(default)]
    filtered_resps: Value,
    #[serde(default)]
    resps: Value,
}

impl Record for PromptRow {}
impl Record for ResponseRow {}
impl Record for SampleRow {}

impl PromptRow {
    pub(super) fn into_prompt(self) -> Result<Prompt, IfevalError> {
        Prompt::new(self.key, self.prompt, &self.instruction_id_list, &self.kwargs)
    }
}

impl SampleRow {
    pub(super) fn into_parts(self) -> Result<(Prompt, Option<String>), IfevalError> {
        let key = self.doc.key;
        let response = first_text(&self.filtered_resps).or_else(|| first_text(&self.resps));
        let missing = "the sample has no response in \"filtered_resps\" or \"resps\"";
        let response = response.ok_or_else(|| IfevalError::of_key(key, missing))?;
        Ok((self.doc.into_prompt()?, response))
    }
}

/// The first text or null of a list, or of the first of its lists.
fn first_text(value: &Value) -> Option<Option<String>> {
    match value {
        Value::Array(values) => match values.first()? {
            Value::Null => Some(None),
            Value::String(text) => Some(Some(text.clone())),
            inner => first_text(inner),
        },
        _ => None,
    }
}
