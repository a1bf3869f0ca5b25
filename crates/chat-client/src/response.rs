//! Answers of a model.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::error::ChatError;

/// Why a completion ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FinishReason {
    /// The model ended it, or a stop text did.
    Stop,
    /// It was cut at the limit of tokens.
    Length,
    /// A filter took text out.
    ContentFilter,
    /// The model called a tool.
    ToolCalls,
    /// Any other word of an endpoint.
    Other(String),
}

impl FinishReason {
    /// The word that endpoints use.
    pub fn name(&self) -> &str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::ContentFilter => "content_filter",
            Self::ToolCalls => "tool_calls",
            Self::Other(name) => name,
        }
    }

    fn of(name: String) -> Self {
        match name.as_str() {
            "stop" => Self::Stop,
            "length" => Self::Length,
            "content_filter" => Self::ContentFilter,
            "tool_calls" => Self::ToolCalls,
            _ => Self::Other(name),
        }
    }
}

impl Serialize for FinishReason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for FinishReason {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::of)
    }
}

/// Tokens of one completion, as the endpoint counts and bills them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of the conversation.
    pub prompt_tokens: u64,
    /// Tokens of the answer, reasoning included.
    pub completion_tokens: u64,
}

/// An answer.
///
/// A cut answer is an answer too: [`finish_reason`](Self::finish_reason) then says
/// [`Length`](FinishReason::Length).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatResponse {
    /// The text.
    pub content: String,
    /// Why it ended.
    pub finish_reason: FinishReason,
    /// The tokens that it took.
    pub usage: Usage,
    /// The model that answered, as the endpoint names it.
    pub model: Option<String>,
    /// The endpoint's name for this answer.
    pub id: Option<String>,
}

impl ChatResponse {
    /// A whole answer of no cost, as a local responder gives it.
    pub fn text(content: impl Into<String>) -> Self {
        Self {
            content: content.into(),
            finish_reason: FinishReason::Stop,
            usage: Usage::default(),
            model: None,
            id: None,
        }
    }

    /// Reads the body of a successful exchange. Keys that are not needed may have any value.
    ///
    /// # Errors
    ///
    /// [`ChatError::NotJson`], [`ChatError::InBody`] for an error under the status of success,
    /// [`ChatError::Malformed`] with the path to what is missing or of another type, [`ChatError::NoChoices`],
    /// [`ChatError::Refused`] and [`ChatError::NoContent`].
    ///
    /// # Source
    ///
    /// The chat completion object of OpenAI's API; errors under status 200 are OpenRouter's.
    pub fn parse(body: &str) -> Result<Self, ChatError> {
        let value: Value = serde_json::from_str(body).map_err(|error| ChatError::not_json(body, error))?;
        if let Some(error) = value.get("error").filter(|error| !error.is_null()) {
            return Err(ChatError::in_body(error));
        }
        let completion: Completion = serde_path_to_error::deserialize(value).map_err(|error| {
            let path = error.path().to_string();
            ChatError::Malformed { path, reason: error.into_inner().to_string() }
        })?;
        completion.into_response()
    }
}

#[derive(Deserialize)]
struct Completion {
    choices: Vec<Choice>,
    usage: Usage,
    #[serde(default, deserialize_with = "text_or_none")]
    model: Option<String>,
    #[serde(default, deserialize_with = "text_or_none")]
    id: Option<String>,
}

#[derive(Deserialize)]
struct Choice {
    message: Answered,
    finish_reason: FinishReason,
}

#[derive(Deserialize)]
struct Answered {
    // Without a default the key must be there, if only with null.
    #[serde(deserialize_with = "Option::deserialize")]
    content: Option<String>,
    #[serde(default)]
    refusal: Option<String>,
}

impl Completion {
    fn into_response(self) -> Result<ChatResponse, ChatError> {
        let usage = self.usage;
        let Some(Choice { message, finish_reason }) = self.choices.into_iter().next() else {
            return Err(ChatError::NoChoices { usage });
        };
        match (message.content, message.refusal.filter(|refusal| !refusal.is_empty())) {
            (_, Some(refusal)) => Err(ChatError::refused(&refusal, usage)),
            (None, None) => Err(ChatError::NoContent { finish_reason, usage }),
            (Some(content), None) => {
                Ok(ChatResponse { content, finish_reason, usage, model: self.model, id: self.id })
            }
        }
    }
}

/// For optional keys: a value of another type counts as absent.
fn text_or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) => Some(text),
        _ => None,
    })
}
