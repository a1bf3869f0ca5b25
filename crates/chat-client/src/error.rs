//! Every way in which a question can go wrong.

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use thiserror::Error;

use crate::rejection::Rejection;
use crate::response::{FinishReason, Usage};

/// A cause that several holders of an error share.
pub type SharedError = Arc<dyn StdError + Send + Sync>;

/// Most characters of foreign text in an error.
const EXCERPT_CHARS: usize = 300;

/// Settings with which nothing can be asked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A base URL that is none. Its text is left out: it may hold a password.
    #[error("the base URL {reason}; one like https://api.openai.com/v1 is needed")]
    BaseUrl {
        /// What is wrong.
        reason: String,
    },
    /// A key where the name of its variable belongs, as it seems; it is shown nowhere.
    #[error(
        "the environment variable that should hold the API key is not set, and its name looks like a key itself; \
         give the name of a variable, such as OPENAI_API_KEY"
    )]
    KeyForName,
    /// No key in the environment.
    #[error(
        "the environment variable {variable}, which should hold the API key, is not set, empty, or no text"
    )]
    NoKey {
        /// The variable.
        variable: String,
    },
    /// A key that no header can hold.
    #[error("the API key in the environment variable {variable} has characters that no header can hold")]
    KeyCharacters {
        /// The variable.
        variable: String,
    },
    /// A setting out of its range.
    #[error("{name} must be {range}")]
    OutOfRange {
        /// The setting.
        name: &'static str,
        /// What it may be.
        range: &'static str,
    },
    /// A cap on the cost of answers whose prices are not known.
    #[error("a cap on the cost needs the prices of tokens")]
    CapWithoutPrices,
    /// No HTTP client, for want of certificates for instance.
    #[error("cannot set up the HTTP client")]
    Client {
        /// What the library says.
        source: SharedError,
    },
    /// No runtime for asynchronous work.
    #[error("cannot start a runtime")]
    Runtime {
        /// What the system says.
        source: std::io::Error,
    },
}

/// A request without an answer.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum ChatError {
    /// A request that is not sent, being none.
    #[error("the request is invalid: {reason}")]
    InvalidRequest {
        /// What is wrong.
        reason: String,
    },
    /// No connection, or one that broke before the response began.
    #[error("the connection failed")]
    Connection {
        /// What the HTTP library says.
        source: SharedError,
    },
    /// One attempt took too long.
    #[error("no response within {after:?}")]
    Timeout {
        /// The limit.
        after: Duration,
    },
    /// All attempts together took too long.
    #[error("no answer within the deadline of {after:?}{}", and_last(last.as_deref()))]
    Deadline {
        /// The limit.
        after: Duration,
        /// What the last finished attempt came to.
        last: Option<Box<ChatError>>,
    },
    /// A status other than success.
    #[error("the endpoint answered with status {status}: {message}")]
    Status {
        /// The HTTP status.
        status: u16,
        /// The endpoint's words.
        message: String,
        /// How long it asks to wait.
        retry_after: Option<Duration>,
    },
    /// The account has no money left, which waiting does not mend.
    #[error("the account's quota is used up: {message}")]
    QuotaExhausted {
        /// The endpoint's words.
        message: String,
    },
    /// A redirection, which is not followed: the key is for one host.
    #[error("the endpoint answered with redirection {status}, which is not followed; correct the base URL")]
    Redirect {
        /// The HTTP status.
        status: u16,
    },
    /// A response beyond the limit.
    #[error("the response has more than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// A response that ended early.
    #[error("the response broke off after {received} bytes")]
    CutBody {
        /// Bytes before the break.
        received: usize,
        /// What the HTTP library says.
        source: SharedError,
    },
    /// A response that is not JSON.
    #[error("the response is not JSON: {excerpt:?}")]
    NotJson {
        /// Its beginning.
        excerpt: String,
        /// What the parser says.
        source: SharedError,
    },
    /// An error that came with the status of success.
    #[error("the endpoint answered with an error{}: {message}", code.map(|code| format!(" {code}")).unwrap_or_default())]
    InBody {
        /// The endpoint's words.
        message: String,
        /// Its number, of the kind of an HTTP status.
        code: Option<u16>,
    },
    /// A response without something that is needed, or with a value of another type.
    #[error("the response is malformed at {path}: {reason}")]
    Malformed {
        /// Where.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// A response without any answer.
    #[error("the response has no choices")]
    NoChoices {
        /// What it took all the same.
        usage: Usage,
    },
    /// An answer without text.
    #[error("the answer has no text, and ended with \"{}\"", finish_reason.name())]
    NoContent {
        /// Why it ended.
        finish_reason: FinishReason,
        /// What it took all the same.
        usage: Usage,
    },
    /// The model does not want to answer.
    #[error("the model refused: {refusal}")]
    Refused {
        /// Its words.
        refusal: String,
        /// What it took all the same.
        usage: Usage,
    },
    /// What a responder in this process says.
    #[error("the local responder failed")]
    Local {
        /// Its error.
        source: SharedError,
    },
}

impl ChatError {
    /// The error of a responder in this process.
    pub fn local(error: impl StdError + Send + Sync + 'static) -> Self {
        Self::Local { source: Arc::new(error) }
    }

    /// Whether the same request may succeed at another time.
    ///
    /// So it is for connections, timeouts, the statuses 408, 409, 429 and 5xx, responses that are cut, are not JSON
    /// or have no choices. It is not for other statuses, refusals, and responses of another form.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Connection { .. }
            | Self::Timeout { .. }
            | Self::CutBody { .. }
            | Self::NotJson { .. }
            | Self::NoChoices { .. } => true,
            Self::Status { status, .. } => is_retryable_status(*status),
            Self::InBody { code, .. } => code.is_some_and(is_retryable_status),
            _ => false,
        }
    }

    /// Whether, and why, the same question has no answer at any other time either.
    pub fn rejection(&self) -> Option<Rejection> {
        match self {
            Self::Refused { .. } | Self::NoContent { .. } => Some(Rejection::Refused),
            Self::Status { status: code, .. } | Self::InBody { code: Some(code), .. } => {
                matches!(code, 400 | 413 | 422).then_some(Rejection::InvalidRequest)
            }
            _ => None,
        }
    }

    /// Whether the endpoint has too much to do: 429, 503, 529, or no response in time.
    pub fn is_overload(&self) -> bool {
        match self {
            Self::Timeout { .. } => true,
            Self::Status { status, .. } => is_overload_status(*status),
            Self::InBody { code, .. } => code.is_some_and(is_overload_status),
            _ => false,
        }
    }

    /// How long the endpoint asks to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Tokens that were billed although there is no answer.
    pub fn usage(&self) -> Option<Usage> {
        match self {
            Self::NoChoices { usage } | Self::NoContent { usage, .. } | Self::Refused { usage, .. } => {
                Some(*usage)
            }
            _ => None,
        }
    }

    pub(crate) fn connection(error: impl StdError + Send + Sync + 'static) -> Self {
        Self::Connection { source: Arc::new(error) }
    }

    pub(crate) fn not_json(body: &str, error: serde_json::Error) -> Self {
        Self::NotJson { excerpt: excerpt(body), source: Arc::new(error) }
    }

    pub(crate) fn not_utf8(error: std::string::FromUtf8Error) -> Self {
        let source = Arc::new(error.utf8_error());
        // None of its words: a key cannot be looked for in what is no text.
        Self::NotJson { excerpt: String::new(), source }
    }

    pub(crate) fn refused(refusal: &str, usage: Usage) -> Self {
        Self::Refused { refusal: excerpt(refusal), usage }
    }

    /// Of the value under `error`, an object with `message` and `code`, or a text.
    pub(crate) fn in_body(error: &Value) -> Self {
        let code = error.get("code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
        Self::InBody { message: error_message(error), code }
    }

    /// Of a status that is no success, and the body that came with it.
    pub(crate) fn status(status: u16, body: &str, retry_after: Option<Duration>) -> Self {
        let value: Value = serde_json::from_str(body).unwrap_or_default();
        let error = value.get("error").unwrap_or(&value);
        let message = if error.is_null() { excerpt(body) } else { error_message(error) };
        let is_quota = |key| error.get(key).and_then(Value::as_str) == Some("insufficient_quota");
        if status == 429 && (is_quota("code") || is_quota("type")) {
            return Self::QuotaExhausted { message };
        }
        Self::Status { status, message, retry_after }
    }
}

fn is_retryable_status(status: u16) -> bool {
    matches!(status, 408 | 409 | 429 | 500..=599)
}

fn is_overload_status(status: u16) -> bool {
    matches!(status, 429 | 503 | 529)
}

fn and_last(last: Option<&ChatError>) -> String {
    last.map(|error| format!("; before that, {error}")).unwrap_or_default()
}

fn error_message(error: &Value) -> String {
    match error.get("message").unwrap_or(error) {
        Value::String(message) => excerpt(message),
        other => excerpt(&other.to_string()),
    }
}

/// The beginning of a foreign text, on one line.
pub(crate) fn excerpt(text: &str) -> String {
    let mut words = String::new();
    for word in text.split_whitespace() {
        if words.len() > EXCERPT_CHARS * 4 {
            break;
        }
        words.push_str(if words.is_empty() { "" } else { " " });
        words.push_str(word);
    }
    match words.char_indices().nth(EXCERPT_CHARS) {
        Some((end, _)) => format!("{}...", &words[..end]),
        None => words,
    }
}
