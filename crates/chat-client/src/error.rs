//! Errors of questions.

use std::error::Error as StdError;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::body::Complaint;
use crate::chat::Failure;
use crate::response::{FinishReason, Usage};

/// A cause that several holders of an error share.
pub type SharedError = Arc<dyn StdError + Send + Sync>;

/// Most characters of foreign text in an error.
const EXCERPT_CHARS: usize = 300;

/// Settings with which nothing can be asked.
#[derive(Debug, Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the fields are named for what they hold")]
pub enum ConfigError {
    /// A setting is invalid. The message never holds the text of a base URL or of a key.
    #[error("{reason}")]
    Setting { reason: String },
    /// The HTTP client cannot be set up, because certificates are missing for instance.
    #[error("cannot set up the HTTP client")]
    Client { source: SharedError },
    /// The runtime for asynchronous work cannot be started.
    #[error("cannot start a runtime")]
    Runtime { source: std::io::Error },
}

impl ConfigError {
    pub(crate) fn setting(reason: impl Into<String>) -> Self {
        Self::Setting { reason: reason.into() }
    }
}

/// A request without an answer.
///
/// Each class of failure is a variant: [`is_retryable`](Self::is_retryable), [`is_overload`](Self::is_overload) and
/// [`rejection`](Self::rejection) decide by it, and so may a caller's own [`Chat`](crate::Chat).
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the fields are named for what they hold")]
pub enum ChatError {
    /// The request was rejected before sending.
    #[error("the request is invalid: {reason}")]
    InvalidRequest { reason: String },
    /// The connection failed before the response began.
    #[error("the connection failed")]
    Connection { source: SharedError },
    /// One attempt took too long.
    #[error("no response within {after:?}")]
    Timeout { after: Duration },
    /// All attempts together took too long; `last` is the error of the last finished attempt.
    #[error("no answer within the deadline of {after:?}{}", and_last(last.as_deref()))]
    Deadline { after: Duration, last: Option<Box<ChatError>> },
    /// A status other than success, with the endpoint's message and the wait that it asks for.
    #[error("the endpoint answered with status {status}: {message}")]
    Status { status: u16, message: String, about: About, retry_after: Option<Duration> },
    /// The account has no money left; waiting does not help.
    #[error("the account's quota is used up: {message}")]
    QuotaExhausted { message: String },
    /// A redirection, which is not followed: the key is for one host.
    #[error("the endpoint answered with redirection {status}, which is not followed; correct the base URL")]
    Redirect { status: u16 },
    /// The response is larger than the limit.
    #[error("the response has more than {limit} bytes")]
    TooLarge { limit: usize },
    /// The response ended early.
    #[error("the response broke off after {received} bytes")]
    CutBody { received: usize, source: SharedError },
    /// The response is not JSON.
    #[error("the response is not JSON: {excerpt:?}")]
    NotJson { excerpt: String, source: SharedError },
    /// An error under the status of success; its code is of the kind of an HTTP status.
    #[error("the endpoint answered with an error{}: {message}", code.map(|code| format!(" {code}")).unwrap_or_default())]
    InBody { message: String, code: Option<u16>, about: About },
    /// Something on the endpoint's side ended the answer, of which there may be a half.
    #[error("the answer broke off{}{}", ended_with(finish_reason), and_said(message))]
    BrokenOff { finish_reason: FinishReason, message: String, usage: Usage },
    /// A key that is needed is missing from the response or has a value of another type.
    #[error("the response is malformed at {path}: {reason}")]
    Malformed { path: String, reason: String },
    /// The response has no answer, but was billed.
    #[error("the response has no choices")]
    NoChoices { usage: Usage },
    /// The answer has no text, but was billed.
    #[error("the answer has no text, and ended with \"{}\"", finish_reason.name())]
    NoContent { finish_reason: FinishReason, usage: Usage },
    /// The model refuses to answer.
    #[error("the model refused: {refusal}")]
    Refused { refusal: String, usage: Usage },
    /// A responder in this process failed.
    #[error("the local responder failed")]
    Local { source: SharedError },
}

impl ChatError {
    /// The error of a responder in this process.
    pub fn local(error: impl StdError + Send + Sync + 'static) -> Self {
        Self::Local { source: Arc::new(error) }
    }

    /// Whether the same request may succeed at another time.
    ///
    /// Retryable are failed connections, timeouts, the statuses 408, 409, 429 and 5xx, and responses that are cut, broke
    /// off, are not JSON or have no choices; not retryable are other statuses, refusals, and responses of another form.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Connection { .. }
            | Self::Timeout { .. }
            | Self::CutBody { .. }
            | Self::NotJson { .. }
            | Self::BrokenOff { .. }
            | Self::NoChoices { .. } => true,
            Self::Status { status, .. } => is_retryable_status(*status),
            Self::InBody { code, .. } => code.is_some_and(is_retryable_status),
            _ => false,
        }
    }

    /// Whether, and why, the same question has no answer at any other time either.
    ///
    /// A refusal that is about a setting says nothing about the question.
    pub fn rejection(&self) -> Option<Rejection> {
        match self {
            Self::Refused { .. } | Self::NoContent { .. } => Some(Rejection::Refused),
            _ => match self.refusal()? {
                (400 | 403 | 422, About::Policy) => Some(Rejection::Refused),
                (400 | 422, About::Setting(_) | About::Limit) => None,
                (400 | 413 | 422, _) => Some(Rejection::InvalidRequest),
                _ => None,
            },
        }
    }

    /// The status of a refusal, and what it is about.
    pub(crate) fn refusal(&self) -> Option<(u16, &About)> {
        match self {
            Self::Status { status, about, .. } | Self::InBody { code: Some(status), about, .. } => {
                Some((*status, about))
            }
            _ => None,
        }
    }

    /// The setting of the request that the endpoint does not take.
    pub(crate) fn setting(&self) -> Option<&str> {
        match self.refusal()? {
            (400 | 422, About::Setting(name)) => Some(name),
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
            Self::NoChoices { usage }
            | Self::NoContent { usage, .. }
            | Self::BrokenOff { usage, .. }
            | Self::Refused { usage, .. } => Some(*usage),
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
        // No excerpt: a key cannot be searched for and hidden in bytes that are not text.
        Self::NotJson { excerpt: String::new(), source }
    }

    pub(crate) fn refused(refusal: &str, usage: Usage) -> Self {
        Self::Refused { refusal: excerpt(refusal), usage }
    }

    /// From a status other than success and its body.
    pub fn status(status: u16, body: &str, retry_after: Option<Duration>) -> Self {
        let Complaint { message, status: code, about } = Complaint::of_status(status, body);
        match code {
            Some(402) => Self::QuotaExhausted { message },
            _ => Self::Status { status, message, about, retry_after },
        }
    }
}

/// What an endpoint's refusal is about, as far as it says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum About {
    /// A setting of the request that it does not know or support, by its name: every question would be refused alike.
    Setting(String),
    /// A limit of tokens that is beyond the model's; it is not left out, since answers would be cut elsewhere.
    Limit,
    /// What this question says.
    Policy,
    /// How long this question is.
    Length,
    /// It does not say.
    Unsaid,
}

/// Why a question has no answer at any other time either: the question itself cannot be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Rejection {
    /// The model refuses to answer, or a filter removed its text.
    Refused,
    /// The endpoint rejects the question, because it is too long for the model for instance: 400, 413 or 422.
    InvalidRequest,
}

/// A question without an answer.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the fields are named for what they hold")]
pub enum AskError {
    /// All attempts failed; the journal has the reason, and the next run asks again.
    #[error(transparent)]
    Failed(#[from] Failure),
    /// The question will have no answer, as model or endpoint said in this run or, `from_journal`, in an earlier one.
    /// Only a client that [keeps rejections](crate::JournaledClient::keeping_rejections) returns it.
    #[error("{reason}")]
    Rejected { rejection: Rejection, reason: String, from_journal: bool },
    /// The request is invalid and was not sent.
    #[error(transparent)]
    Invalid(ChatError),
    /// Not asked, because earlier questions used up a cap.
    #[error("not asked: the cap of {limit} {unit} is reached with {spent}")]
    CapReached { unit: &'static str, limit: f64, spent: f64 },
    /// Not asked, because the endpoint does not say what its answers take, so that a cap cannot hold.
    #[error(
        "not asked: the endpoint gave {uncounted} answers without their counts of tokens, so a cap on {unit} cannot \
         hold; leave it out, or cap the number of questions"
    )]
    CapUnknown { unit: &'static str, uncounted: u64 },
    /// Not asked, because every further question would end as earlier ones did; see
    /// [`given_up`](crate::JournaledClient::given_up).
    #[error("not asked: every further question would end alike: {reason}")]
    GivenUp { reason: String },
    /// Not asked, because a [`StopSignal`](crate::StopSignal) was given.
    #[error("not asked: the run was stopped")]
    Stopped,
    /// The journal failed. No further question is asked, since its answer could not be kept.
    #[error("the journal failed")]
    Journal { source: Arc<JournalError> },
    /// The responder panicked.
    #[error("the responder panicked: {message}")]
    Panicked { message: String },
    /// An asynchronous function was called outside a tokio runtime.
    #[error("this thread is not on a tokio runtime; ask on one, or use BlockingRuntime")]
    NoRuntime,
    /// A blocking function was called on a tokio runtime.
    #[error("a blocking call on an asynchronous runtime would stop that runtime; use JournaledClient there")]
    InsideRuntime,
}

impl AskError {
    /// Whether it is certain that the question was never asked.
    pub fn is_unasked(&self) -> bool {
        matches!(
            self,
            Self::Invalid(_)
                | Self::CapReached { .. }
                | Self::CapUnknown { .. }
                | Self::GivenUp { .. }
                | Self::Stopped
                | Self::InsideRuntime
        )
    }
}

impl From<JournalError> for AskError {
    fn from(error: JournalError) -> Self {
        Self::Journal { source: Arc::new(error) }
    }
}

/// A journal that cannot be opened, read or written.
#[derive(Debug, Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the fields are named for what they hold")]
pub enum JournalError {
    /// The file cannot be opened, read or written, as `action` says.
    #[error("cannot {action} {}", path.display())]
    File { action: &'static str, path: PathBuf, source: io::Error },
    /// Another process, or another part of this one, writes to it.
    #[error("{} is in use by another run; wait for it to end, or name another journal", path.display())]
    Locked { path: PathBuf },
    /// A line is not a record. The file was not changed.
    #[error("line {line} of {} {reason}; nothing was changed", path.display())]
    Line { path: PathBuf, line: u64, reason: String },
    /// The journal takes no more records, or a record is not where it was written.
    #[error("{} {reason}", path.display())]
    Unusable { path: PathBuf, reason: String },
}

/// An error and its causes on one line; a cause whose text is already there is left out.
pub fn with_causes(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.contains(&words) {
            text += &format!(": {words}");
        }
        cause = error.source();
    }
    text
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

fn ended_with(finish_reason: &FinishReason) -> String {
    finish_reason.told().map(|word| format!(" and ended with {word:?}")).unwrap_or_default()
}

fn and_said(message: &str) -> String {
    if message.is_empty() { String::new() } else { format!(": {message}") }
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
