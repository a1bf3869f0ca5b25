//! What answers rest on.

use std::path::Path;

use anyhow::Result;
use serde::Serialize;

use crate::asking::Totals;
use crate::cli::{AnswerArgs, AskArgs};
use crate::files::{file_digest, version, write_json};

/// Which model answered what, and how.
#[derive(Debug, Serialize)]
pub(super) struct AnswerProvenance {
    program: String,
    prompts: String,
    prompts_sha256: String,
    #[serde(flatten)]
    answered_by: AnsweredBy,
}

/// Who answered.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum AnsweredBy {
    /// A model behind an endpoint. Settings that are absent were its own.
    Endpoint {
        model: String,
        endpoint: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        temperature: Option<f64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        top_p: Option<f64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        max_tokens: Option<u32>,
        #[serde(skip_serializing_if = "Option::is_none")]
        seed: Option<u64>,
        /// What the journal's questions took, those of earlier runs included.
        spent: Totals,
    },
    /// A model in a folder.
    #[cfg_attr(not(feature = "local"), allow(dead_code, reason = "a program without local models has none"))]
    Local {
        model: String,
        model_dir: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        adapter: Option<String>,
        /// Of the files that decide answers, the adapter's included.
        model_sha256: String,
        template: String,
        dtype: String,
        device: String,
        /// Whether tokens were drawn; without it the most likely one was taken each time.
        do_sample: bool,
        temperature: f64,
        top_p: f64,
        top_k: usize,
        repetition_penalty: f64,
        max_tokens: usize,
        seed: u64,
    },
}

impl AnsweredBy {
    /// A model behind an endpoint.
    pub(super) fn endpoint(endpoint: &str, model: &str, args: &AskArgs, spent: Totals) -> Self {
        Self::Endpoint {
            model: model.to_owned(),
            endpoint: endpoint.to_owned(),
            temperature: args.temperature,
            top_p: args.top_p,
            max_tokens: args.max_tokens,
            seed: args.seed,
            spent,
        }
    }
}

impl AnswerProvenance {
    pub(super) fn new(args: &AnswerArgs, answered_by: AnsweredBy) -> Result<Self> {
        Ok(Self {
            program: version(),
            prompts: args.file.display().to_string(),
            prompts_sha256: file_digest(&args.file)?,
            answered_by,
        })
    }

    /// Writes it beside the answers: `answers.jsonl` has `answers.provenance.json`.
    pub(super) fn write(&self, answers: &Path) -> Result<()> {
        write_json(&answers.with_extension("provenance.json"), self)
    }
}
