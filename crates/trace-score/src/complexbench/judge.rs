//! The judge's yes or no.

use std::sync::LazyLock;

use regex::Regex;
use thiserror::Error;

/// Why an answer has no verdict.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ComplexBenchJudgeError {
    /// There is no `答案：` with yes or no after it, and the answer is not just yes or no.
    #[error("found no 答案：是 or 答案：否 in the answer")]
    NoVerdict,
    /// What follows the last `答案：` is neither 是 nor 否.
    #[error("after 答案 stands {found:?}, neither 是 nor 否")]
    BadVerdict {
        /// What stands there, at most 20 characters of it.
        found: String,
    },
}

/// Reads a yes or no as the official code does.
///
/// If `答案：是` or `答案：否` occurs exactly once, it counts. Otherwise it is yes exactly if the answer has a 是 and
/// no 否 anywhere. So `答案：是/否` and `答案：不是` are yes, and an answer in English is no.
///
/// # Source
///
/// `evaluation/llm_based_evaluation.py`, ComplexBench 749f457.
pub fn official_answer(answer: &str) -> bool {
    let yes = answer.matches("答案：是").count();
    let no = answer.matches("答案：否").count();
    match yes + no {
        1 => yes == 1,
        _ => answer.contains('是') && !answer.contains('否'),
    }
}

static LABEL: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"答案[*\s]*[:：][*\s]*").ok());
static WORD: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\A(不是|是|否)[*\s]*(?:[。.，,；;！!（(\n]|\z)").ok());
static ALONE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\A(不是|是|否)[。.！!]?\z").ok());

/// Reads the yes or no after the last `答案：`, or an answer that is nothing else.
///
/// # Errors
///
/// An answer without a clear verdict; the judge should be asked again.
pub fn parse_answer(answer: &str) -> Result<bool, ComplexBenchJudgeError> {
    let label = LABEL.as_ref().and_then(|label| label.find_iter(answer).last());
    let rest = label.map_or(answer.trim(), |label| &answer[label.end()..]);
    let pattern = if label.is_some() { &WORD } else { &ALONE };
    match (pattern.as_ref().and_then(|word| word.captures(rest)), label) {
        (Some(found), _) => Ok(&found[1] == "是"),
        (None, Some(_)) => Err(ComplexBenchJudgeError::BadVerdict { found: rest.chars().take(20).collect() }),
        (None, None) => Err(ComplexBenchJudgeError::NoVerdict),
    }
}
