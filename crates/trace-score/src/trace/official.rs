//! The overall score as the released script reads it.

use std::sync::LazyLock;

use regex::Regex;

/// Python's `\s` is Unicode white space and the four separators of ASCII.
static OVERALL: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"Constraints Overall Score:[\s\x1c-\x1f]*\[\[([0-9.]+)\]\]").ok());

/// The overall score of an answer, by the released script's rule.
///
/// The first `Constraints Overall Score:` that is followed by white space and by ASCII digits and dots in double
/// brackets counts, whatever comes later. There is no check of the range, so the score can be 11. `None` where nothing
/// matches or where the match is not a number (`1.2.3`); what the script's authors count then is not public.
///
/// [`parse_judgement`](super::parse_judgement) differs: it reads the scores of the constraints, takes the last overall
/// score after them, accepts Markdown and a full-width colon around it, and checks the range.
///
/// # Source
///
/// `TRACE/Eval_script/src/evaluators/trace/trace.py`, Complex-IF 29d5862.
pub fn official_overall_score(answer: &str) -> Option<f64> {
    OVERALL.as_ref()?.captures(answer)?.get(1)?.as_str().parse().ok()
}
