//! Many questions, each asked once.

mod answers;
mod book;
mod caps;
mod client;
mod health;

pub use answers::{Answered, Answers};
pub use caps::{AskConfig, AskObserver, AskProgress, Caps, Prices};
pub use client::{Answer, JournaledClient, StopSignal};
