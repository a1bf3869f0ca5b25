#![doc = include_str!("../README.md")]

mod ask;
mod blocking;
mod body;
mod chat;
mod error;
mod http;
mod journal;
mod key;
mod request;
mod response;
mod secret;
#[cfg(feature = "testing")]
pub mod testing;

pub use ask::{
    Answer, Answered, Answers, AskConfig, AskObserver, AskProgress, Caps, JournaledClient, Prices, StopSignal,
};
pub use blocking::{BlockingAnswers, BlockingRuntime};
pub use chat::{Chat, ChatFuture, Failure, LocalChat, Reply};
pub use error::{About, AskError, ChatError, ConfigError, JournalError, Rejection, SharedError, with_causes};
pub use http::{EndpointConfig, HttpChat, RetryConfig};
pub use journal::{Journal, JournalRecord, JournalReport, RecordedResponse, Spent, TornLine};
pub use key::{Question, QuestionKey};
pub use request::{ChatRequest, Message, Role};
pub use response::{ChatResponse, FinishReason, Usage};
pub use secret::Secret;
