//! The rules that questions carry: how they are read and what they ask of extracted objects.

mod argument;
mod json;
mod language;
mod literal;
mod official;
mod text;

pub use language::{Bounds, Check, Clause, Rule, RuleError};
pub use official::official_verdict;
