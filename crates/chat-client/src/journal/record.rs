//! One line of a journal.

use serde::{Deserialize, Serialize};

use crate::error::Rejection;
use crate::key::QuestionKey;
use crate::response::{ChatResponse, FinishReason, Usage};

/// One finished question.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JournalRecord {
    /// Which question; the first key of the line.
    pub key: QuestionKey,
    /// The caller's name for it.
    pub tag: String,
    /// The model that was asked.
    pub model: String,
    /// The answer, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<RecordedResponse>,
    /// Why there is no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Why there will be no answer, if that is certain. Other questions without an answer are asked again in the next run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rejection: Option<Rejection>,
    /// How often the request was sent.
    pub attempts: u32,
    /// From the first sending to the end, in milliseconds.
    pub latency_ms: u64,
    /// Tokens that were billed.
    pub usage: Usage,
    /// Their cost, where prices are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost: Option<f64>,
    /// What was sent otherwise than asked, because the endpoint does not take it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<String>,
    /// When it was finished, in milliseconds since 1970.
    pub time_ms: u64,
}

/// An answer in a journal; its usage is the record's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedResponse {
    /// The text.
    pub content: String,
    /// The reasoning that the endpoint gave beside the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<String>,
    /// Why it ended.
    pub finish_reason: FinishReason,
    /// The model that answered, as the endpoint names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The endpoint's name for this answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

impl RecordedResponse {
    pub(crate) fn into_response(self, usage: Usage) -> ChatResponse {
        let Self { content, reasoning, finish_reason, model, id } = self;
        ChatResponse { content, reasoning, finish_reason, usage, model, id }
    }
}

impl From<ChatResponse> for RecordedResponse {
    fn from(response: ChatResponse) -> Self {
        let ChatResponse { content, reasoning, finish_reason, model, id, .. } = response;
        Self { content, reasoning, finish_reason, model, id }
    }
}
