//! Answers of a model.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::body;
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
    /// The endpoint does not say.
    Unknown,
}

/// Words of endpoints for a whole answer, letters alone and small.
const WHOLE: [&str; 7] = ["stop", "eos", "eostoken", "endturn", "stopsequence", "complete", "completed"];

/// Parts of their words for a cut answer.
const CUT: [&str; 8] = [
    "length",
    "maxtoken",
    "maxoutputtoken",
    "maxnewtoken",
    "tokenlimit",
    "contextwindow",
    "maxtime",
    "truncated",
];

/// Parts of their words for a filter.
const FILTERED: [&str; 7] =
    ["contentfilter", "safety", "prohibited", "recitation", "blocklist", "guardrail", "spii"];

/// Parts of their words for an answer that something on their side ended.
const BROKEN_OFF: [&str; 15] = [
    "error",
    "abort",
    "cancel",
    "fail",
    "timeout",
    "interrupt",
    "incomplete",
    "overload",
    "insufficientsystemresource",
    "unfinished",
    "preempted",
    "pauseturn",
    "shutdown",
    "connectionlost",
    "malformed",
];

impl FinishReason {
    /// The word that endpoints use.
    pub fn name(&self) -> &str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::ContentFilter => "content_filter",
            Self::ToolCalls => "tool_calls",
            Self::Other(name) => name,
            Self::Unknown => "unknown",
        }
    }

    /// The word of the endpoint, if it says one.
    pub fn told(&self) -> Option<&str> {
        (*self != Self::Unknown).then_some(self.name())
    }

    /// Whether the model ended its answer, as far as the endpoint says.
    pub fn is_whole(&self) -> bool {
        match self {
            Self::Stop | Self::Unknown => true,
            Self::Length | Self::ContentFilter | Self::ToolCalls => false,
            Self::Other(name) => WHOLE.contains(&letters(name).as_str()),
        }
    }

    /// Whether the answer is half: something on the endpoint's side ended it.
    pub(crate) fn is_broken_off(&self) -> bool {
        matches!(self, Self::Other(name) if has_part(&letters(name), &BROKEN_OFF))
    }

    fn of(name: String) -> Self {
        let word = letters(&name);
        match word.as_str() {
            _ if name.trim().is_empty() => Self::Unknown,
            "stop" => Self::Stop,
            "toolcalls" => Self::ToolCalls,
            _ if has_part(&word, &CUT) => Self::Length,
            _ if has_part(&word, &FILTERED) => Self::ContentFilter,
            _ => Self::Other(name),
        }
    }

    /// From a key that may be absent or have any value; an object is read by its type.
    pub(crate) fn of_value(value: Option<&Value>) -> Self {
        let name = value.and_then(|value| value.as_str().or_else(|| value.get("type")?.as_str()));
        name.map_or(Self::Unknown, |name| Self::of(name.to_owned()))
    }
}

/// The letters of a word, small, without the prefix of Google's names.
fn letters(word: &str) -> String {
    let letters = word.chars().filter(char::is_ascii_alphabetic);
    let letters: String = letters.map(|letter| letter.to_ascii_lowercase()).collect();
    letters.strip_prefix("finishreason").map(str::to_owned).unwrap_or(letters)
}

fn has_part(word: &str, parts: &[&str]) -> bool {
    parts.iter().any(|part| word.contains(part))
}

impl Serialize for FinishReason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.told().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for FinishReason {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Option::<String>::deserialize(deserializer)?.map_or(Self::Unknown, Self::of))
    }
}

/// Tokens of one completion, as the endpoint counts and bills them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of the conversation.
    pub prompt_tokens: u64,
    /// Tokens of the answer, reasoning included.
    pub completion_tokens: u64,
    /// Whether the endpoint left out a count, which then is 0 here.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_partial: bool,
}

impl Usage {
    /// Both counts.
    pub const fn new(prompt_tokens: u64, completion_tokens: u64) -> Self {
        Self { prompt_tokens, completion_tokens, is_partial: false }
    }
}

/// An answer.
///
/// A cut answer is an answer too: [`finish_reason`](Self::finish_reason) then says
/// [`Length`](FinishReason::Length).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatResponse {
    /// The text.
    pub content: String,
    /// The reasoning that the endpoint gives beside the text, if it does.
    pub reasoning: Option<String>,
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
            reasoning: None,
            finish_reason: FinishReason::Stop,
            usage: Usage::default(),
            model: None,
            id: None,
        }
    }

    /// Reads the body of a successful exchange, JSON or a stream of events. Keys that are not needed may have any value.
    ///
    /// # Errors
    ///
    /// [`ChatError::NotJson`], [`ChatError::InBody`] for an error under the status of success,
    /// [`ChatError::Malformed`] with the path to what is missing or of another type, [`ChatError::NoChoices`],
    /// [`ChatError::BrokenOff`] for half an answer, [`ChatError::Refused`] and [`ChatError::NoContent`].
    ///
    /// # Source
    ///
    /// The objects `chat.completion`, `chat.completion.chunk` and `text_completion` of OpenAI's API; errors under status
    /// 200 are OpenRouter's and vLLM's.
    pub fn parse(body: &str) -> Result<Self, ChatError> {
        let value = body::document(body).map_err(|error| ChatError::not_json(body, error))?;
        body::completion(&value)
    }
}
