//! Requests to a model.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::ChatError;

/// Keys of the body that have a field of their own, or that would change the form of the response.
const RESERVED: [&str; 10] = [
    "model",
    "messages",
    "temperature",
    "top_p",
    "max_tokens",
    "seed",
    "stop",
    "response_format",
    "stream",
    "n",
];

/// Who says a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Role {
    /// Standing instructions.
    System,
    /// Standing instructions, as newer models of OpenAI name them.
    Developer,
    /// The user.
    User,
    /// The model.
    Assistant,
}

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Message {
    /// The role of the author.
    pub role: Role,
    /// The text.
    pub content: String,
}

impl Message {
    /// A message of any role.
    pub fn new(role: Role, content: impl Into<String>) -> Self {
        Self { role, content: content.into() }
    }

    /// A system message.
    pub fn system(content: impl Into<String>) -> Self {
        Self::new(Role::System, content)
    }

    /// A user message.
    pub fn user(content: impl Into<String>) -> Self {
        Self::new(Role::User, content)
    }

    /// An assistant message.
    pub fn assistant(content: impl Into<String>) -> Self {
        Self::new(Role::Assistant, content)
    }
}

/// The body of one chat completion, all but its model.
///
/// A field that is `None` or empty is left out of the body, and the endpoint's own default holds.
///
/// # Source
///
/// The request body of OpenAI's `POST /v1/chat/completions`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ChatRequest {
    /// The conversation, whose next message is asked for.
    pub messages: Vec<Message>,
    /// Softmax temperature, at least 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// Probability mass of the nucleus that tokens are sampled from, above 0 and at most 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    /// Most tokens of the completion.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    /// Seed of the endpoint's sampler.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Texts that end the completion.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stop: Vec<String>,
    /// The form that the response is held to, a JSON schema for instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_format: Option<Value>,
    /// Further keys of the body, such as `max_completion_tokens` or vLLM's `repetition_penalty`.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    #[serde(flatten)]
    request: &'a ChatRequest,
}

impl ChatRequest {
    /// A request with the endpoint's defaults.
    pub fn new(messages: Vec<Message>) -> Self {
        Self { messages, ..Self::default() }
    }

    /// A request with one user message.
    pub fn user(content: impl Into<String>) -> Self {
        Self::new(vec![Message::user(content)])
    }

    /// The request as it is sent to `model`.
    ///
    /// # Errors
    ///
    /// [`ChatError::InvalidRequest`] without messages, for numbers out of their range, and for a key of
    /// [`extra`](Self::extra) that has a field of its own or would change the form of the response.
    pub fn body(&self, model: &str) -> Result<Value, ChatError> {
        match self.fault() {
            Some(reason) => Err(ChatError::InvalidRequest { reason }),
            None => serde_json::to_value(Body { model, request: self })
                .map_err(|error| ChatError::InvalidRequest { reason: error.to_string() }),
        }
    }

    fn fault(&self) -> Option<String> {
        let out_of = |name: &str, value: f64, range: &str| Some(format!("{name} is {value}, not {range}"));
        if self.messages.is_empty() {
            return Some("there are no messages".to_owned());
        }
        match (self.temperature, self.top_p) {
            (Some(value), _) if !(value.is_finite() && value >= 0.0) => {
                return out_of("temperature", value, "a number from 0");
            }
            (_, Some(value)) if !(value > 0.0 && value <= 1.0) => {
                return out_of("top_p", value, "above 0 and at most 1");
            }
            _ => {}
        }
        if self.max_tokens == Some(0) {
            return Some("max_tokens is 0".to_owned());
        }
        let reserved = RESERVED.iter().find(|key| self.extra.contains_key(**key))?;
        Some(format!("\"{reserved}\" cannot stand among the extra keys"))
    }
}
