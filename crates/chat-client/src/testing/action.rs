//! What a scripted server does.

use std::time::Duration;

use serde_json::{Value, json};

/// What happens to one request.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Action {
    /// Status 200 with this body.
    Json(Value),
    /// Another status.
    Status {
        /// The HTTP status.
        status: u16,
        /// Further headers.
        headers: Vec<(String, String)>,
        /// The body.
        body: String,
    },
    /// No answer, until the client leaves.
    Hang,
    /// The head of an answer and so many bytes of its body, and then the end of the connection.
    Cut(usize),
    /// The end of the connection before anything is written.
    Close,
    /// These bytes as they are, and then the end of the connection.
    Raw(Vec<u8>),
    /// An answer whose bytes come one by one, with this much time between them.
    Trickle(Duration),
    /// Another action, later.
    Delay(Duration, Box<Action>),
}

impl Action {
    /// A [`completion`] with this text.
    pub fn answer(text: impl Into<String>) -> Self {
        Self::Json(completion(text))
    }

    /// A status with no headers or body of its own.
    pub fn status(status: u16) -> Self {
        Self::Status { status, headers: Vec::new(), body: String::new() }
    }

    /// Status 429 with this value of `Retry-After`.
    pub fn retry_after(value: impl Into<String>) -> Self {
        let headers = vec![("Retry-After".to_owned(), value.into())];
        Self::Status { status: 429, headers, body: r#"{"error": {"message": "slow down"}}"#.to_owned() }
    }

    /// The same, later.
    pub fn after(self, delay: Duration) -> Self {
        Self::Delay(delay, Box::new(self))
    }
}

/// A chat completion with this text, of 10 prompt tokens and 5 completion tokens.
pub fn completion(text: impl Into<String>) -> Value {
    json!({
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "scripted",
        "choices": [{
            "index": 0,
            "message": {"role": "assistant", "content": text.into()},
            "logprobs": null,
            "finish_reason": "stop",
        }],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    })
}
