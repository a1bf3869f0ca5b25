//! ComplexBench: rules, judges, dependencies, and the decomposed requirements following ratio (DRFR).
//!
//! ComplexBench (Wen et al., 2024) asks several yes-or-no questions about each response. A question with a rule goes to
//! an extractor, whose objects the rule checks; one without goes to a judge ([`ComplexBenchPrompts`]). A question can
//! rest on others. The data is not part of this project: [`load_items`] reads the user's own copy.
//!
//! Everything here reproduces the released code (749f457) with [`ComplexBenchQuirks::official`], whose switches say what
//! that code does otherwise. Where it divides by zero, a share is `None` here.

mod dependency;
mod extract;
mod item;
mod judge;
mod prompt;
mod python_error;
mod quirks;
mod rule;
mod statistics;
mod verdict;

pub use dependency::apply_dependencies;
pub use extract::{Extraction, extract_objects};
pub use item::{ComplexBenchItem, ScoringQuestion, load_items, load_responses};
pub use judge::parse_answer;
pub use prompt::ComplexBenchPrompts;
pub use python_error::PythonError;
pub use quirks::ComplexBenchQuirks;
pub use rule::{Rule, RuleError};
pub use statistics::{
    Coherence, DrfrStatistics, JudgedItem, JudgedQuestion, Ratio, dimension_group, statistics,
};
pub use verdict::Verdict;
