#![doc = include_str!("../README.md")]

mod digest;
mod error;
mod local;
mod respondent;

pub use error::AnswerError;
pub use local::{LocalModel, ModelFiles};
pub use respondent::Respondent;
