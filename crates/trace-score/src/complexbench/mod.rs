//! ComplexBench: rules, judges, dependencies, and the decomposed requirements following ratio (DRFR).
//!
//! ComplexBench (Wen et al., 2024) asks several yes-or-no questions about each response. A question with a rule goes to
//! an extractor, whose objects the rule checks; one without goes to a judge ([`ComplexBenchPrompts`]). A question can
//! rest on others. The data is not part of this project: [`load_items`] reads the user's own copy.
//!
//! # Official and fixed
//!
//! The functions with `official` in their names, and [`Dependence::Direct`], reproduce the released code (749f457) to
//! its errors. The others repair them:
//!
//! | | official | fixed |
//! |---|---|---|
//! | a rule | [`official_verdict`]: the first known word in it decides | [`Rule`]: every line is a clause, and all must hold |
//! | an unknown rule | verdict 2, unsatisfied in DRFR but satisfied by dimension | an error |
//! | a keyword and a forbidden word | an `IndexError` | both are checked |
//! | bounds | Python's `eval` | two numbers, nothing is executed |
//! | punctuation | made Chinese on the object's side in some rules only | on both sides always |
//! | an object of line ends, or none | an `IndexError`, or a text with `None` in it | no object |
//! | `model_endswith_each` | the last of several objects is not checked | all are |
//! | keys of `Json` | of the text between braces that match by count | of the first JSON object |
//! | an extractor's answer | [`official_extraction`]: `allowed` means all, a colon cuts | [`extract_objects`]: whole words and labels |
//! | a judge's answer | [`official_answer`]: `答案：不是` is yes, prose without 否 is yes | [`parse_answer`]: a clear verdict or an error |
//! | a failed prerequisite | blocks the questions that name it | [`Dependence::Transitive`]: and those that rest on them |
//! | a question without a verdict | unsatisfied in DRFR, passed in the tests of coherence | [`statistics`]: counted apart |
//! | a share of nothing | a `ZeroDivisionError` | `None` |
//! | more or fewer responses than items | the longer list is cut | [`load_responses`] has an error |
//!
//! In the official rules, arguments are lists of numbers and texts; of Python's other expressions, which `eval` would
//! accept, none is evaluated ([`PythonError::Unsupported`]).

mod dependency;
mod extract;
mod item;
mod judge;
mod official_statistics;
mod prompt;
mod python_error;
mod replay;
mod rule;
mod statistics;
mod verdict;

pub use dependency::{Dependence, DependencyError, apply_dependencies};
pub use extract::{OfficialExtraction, extract_objects, official_extraction};
pub use item::{ComplexBenchDataError, ComplexBenchItem, ScoringQuestion, load_items, load_responses};
pub use judge::{ComplexBenchJudgeError, official_answer, parse_answer};
pub use official_statistics::{OfficialStatistics, OfficialStatisticsError, official_statistics};
pub use prompt::ComplexBenchPrompts;
pub use python_error::PythonError;
pub use replay::replay;
pub use rule::{Bounds, Check, Clause, Rule, RuleError, official_verdict};
pub use statistics::{
    Coherence, DrfrStatistics, JudgedItem, JudgedQuestion, Ratio, dimension_group, statistics,
};
pub use verdict::Verdict;
