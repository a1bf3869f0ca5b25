//! Who judged, and how.

use anyhow::Result;
use serde::Serialize;
use serde_json::Value;

use crate::cli::JudgeArgs;

/// How a judge was asked.
#[derive(Debug, Serialize)]
pub(crate) struct JudgeProvenance {
    judge: String,
    /// What the endpoint calls the judge.
    judge_answered_as: Vec<String>,
    judge_endpoint: String,
    temperature: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    top_p: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<u64>,
    parse_attempts: u32,
    templates: String,
    template_sha256: String,
}

impl JudgeProvenance {
    /// Of a judge, with the names that it answered under and the digest of its prompt.
    pub(crate) fn new(
        args: &JudgeArgs,
        answered_as: impl IntoIterator<Item = String>,
        template_sha256: String,
    ) -> Self {
        let templates = match &args.prompts_dir {
            Some(folder) => format!("those of {}, and built-in ones for the rest", folder.display()),
            None => "built-in: the structure of the original in other words".to_owned(),
        };
        Self {
            judge: args.judge_model.clone(),
            judge_answered_as: answered_as.into_iter().collect(),
            judge_endpoint: args.judge_endpoint.clone(),
            temperature: args.ask.temperature.unwrap_or(0.0),
            top_p: args.ask.top_p,
            max_tokens: args.ask.max_tokens,
            seed: args.ask.seed,
            parse_attempts: args.parse_attempts,
            templates,
            template_sha256,
        }
    }
}

/// Names and values for a page, in the order of the fields.
pub(crate) fn pairs_of(provenance: &impl Serialize) -> Result<Vec<(String, String)>> {
    let Value::Object(fields) = serde_json::to_value(provenance)? else {
        return Ok(Vec::new());
    };
    let pair = |(name, value): (String, Value)| {
        let shown = match value {
            Value::String(text) => text,
            Value::Array(values) => values.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
            other => other.to_string(),
        };
        (name.replace('_', " ").replace("sha256", "SHA-256"), shown)
    };
    Ok(fields.into_iter().map(pair).collect())
}
