//! Prompts whose answers a program can check, answered and scored while training.

mod answers;
mod error;
mod evaluate;
mod prompts;
mod verdict;

pub(crate) use answers::Answers;
pub use error::EvalPromptsError;
pub use evaluate::AnswerProgress;
pub(crate) use evaluate::EvalPrompts;
pub(crate) use verdict::{REFERENCE, is_share};
