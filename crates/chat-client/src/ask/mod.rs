//! Many questions, each asked once.

mod answers;
mod book;
mod caps;
mod client;
mod error;
mod progress;

pub use answers::{Answered, Answers};
pub use caps::{AskConfig, Caps, Prices};
pub use client::{Answer, JournaledClient, StopSignal};
pub use error::AskError;
pub use progress::{AskObserver, AskProgress};
