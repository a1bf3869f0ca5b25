#![doc = include_str!("../README.md")]

mod ask;
mod blocking;
mod causes;
mod chat;
mod error;
mod http;
mod journal;
mod key;
mod local;
mod rejection;
mod request;
mod response;
mod secret;
#[cfg(feature = "testing")]
pub mod testing;

pub use ask::{
    Answer, Answered, Answers, AskConfig, AskError, AskObserver, AskProgress, Caps, JournaledClient, Prices,
    StopSignal,
};
pub use blocking::{BlockingAnswers, BlockingRuntime};
pub use causes::with_causes;
pub use chat::{Chat, ChatFuture, Failure, Reply};
pub use error::{ChatError, ConfigError, SharedError};
pub use http::{EndpointConfig, HttpChat, RetryConfig};
pub use journal::{Journal, JournalError, JournalRecord, JournalReport, RecordedResponse, Spent, TornLine};
pub use key::{Question, QuestionKey};
pub use local::LocalChat;
pub use rejection::Rejection;
pub use request::{ChatRequest, Message, Role};
pub use response::{ChatResponse, FinishReason, Usage};
pub use secret::Secret;
