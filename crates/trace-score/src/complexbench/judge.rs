//! The judge's yes or no.

use std::sync::LazyLock;

use regex::Regex;

use super::quirks::ComplexBenchQuirks;
use crate::UnreadableAnswer;

static LABEL: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"答案[*\s]*[:：][*\s]*").ok());
static WORD: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\A(不是|是|否)[*\s]*(?:[。.，,；;！!（(\n]|\z)").ok());
static ALONE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\A(不是|是|否)[。.！!]?\z").ok());

/// Reads the yes or no after the last `答案：`, or an answer that consists of it alone.
///
/// # Errors
///
/// An answer without a clear verdict; with [`ComplexBenchQuirks::loose_answers`] every answer has one.
///
/// # Source
///
/// `evaluation/llm_based_evaluation.py`, ComplexBench 749f457.
pub fn parse_answer(answer: &str, quirks: ComplexBenchQuirks) -> Result<bool, UnreadableAnswer> {
    if quirks.loose_answers {
        return Ok(loosely(answer));
    }
    let label = LABEL.as_ref().and_then(|label| label.find_iter(answer).last());
    let rest = label.map_or(answer.trim(), |label| &answer[label.end()..]);
    let pattern = if label.is_some() { &WORD } else { &ALONE };
    let unclear = || match label {
        Some(_) => {
            let found: String = rest.chars().take(20).collect();
            format!("after 答案 stands {found:?}, neither 是 nor 否")
        }
        None => "found no 答案：是 or 答案：否 in the answer".to_owned(),
    };
    let found = pattern.as_ref().and_then(|word| word.captures(rest));
    found.map(|found| &found[1] == "是").ok_or_else(|| UnreadableAnswer::new(unclear()))
}

fn loosely(answer: &str) -> bool {
    let yes = answer.matches("答案：是").count();
    let no = answer.matches("答案：否").count();
    match yes + no {
        1 => yes == 1,
        _ => answer.contains('是') && !answer.contains('否'),
    }
}
