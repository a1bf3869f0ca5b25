//! The judge's answer as one verdict per criterion.

use std::sync::LazyLock;

use regex::Regex;
use thiserror::Error;

/// Why an answer gives no verdicts. Criteria are counted from 0.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CfBenchParseError {
    /// There is nothing to judge.
    #[error("there are no criteria")]
    NoCriteria,
    /// The answer does not go on with the text of the next criterion.
    #[error("the answer does not have criterion {criterion} in its place")]
    CriterionMissing {
        /// The criterion.
        criterion: usize,
    },
    /// What follows a criterion on its line is neither 0 nor 1.
    #[error("the score of criterion {criterion} is {found:?}, not 0 or 1")]
    BadScore {
        /// The criterion.
        criterion: usize,
        /// What stands there, at most 40 characters of it.
        found: String,
    },
    /// Text follows the last score.
    #[error("text follows the last score: {found:?}")]
    TrailingText {
        /// The text, at most 40 characters of it.
        found: String,
    },
}

/// Reads `criterion<TAB>0|1` for each criterion in order.
///
/// White space is not counted: criteria may be trimmed or broken otherwise, and one, two or more line ends may separate
/// them. A tab may also be written as `\t` or as blanks, and a score as `1.0` or with a full stop after it. Everything
/// else must be as the criteria are. The cost is linear.
///
/// # Errors
///
/// The first place that is wrong. The judge should then be asked again.
pub fn parse_verdicts(answer: &str, criteria: &[impl AsRef<str>]) -> Result<Vec<bool>, CfBenchParseError> {
    let mut rest = answer.trim();
    let mut verdicts = Vec::with_capacity(criteria.len());
    for (criterion, text) in criteria.iter().enumerate() {
        let after = skip(rest, text.as_ref()).ok_or(CfBenchParseError::CriterionMissing { criterion })?;
        let found = SCORE.as_ref().and_then(|score| score.captures(after));
        let Some(found) = found else {
            let line = after.trim_start().lines().next().unwrap_or_default();
            return Err(CfBenchParseError::BadScore { criterion, found: beginning(line) });
        };
        verdicts.push(&found[1] == "1");
        rest = &after[found[0].len()..];
    }
    match rest.trim() {
        "" => Ok(verdicts),
        found => Err(CfBenchParseError::TrailingText { found: beginning(found) }),
    }
}

/// White space or a tab that was spelt out, then the score.
static SCORE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"\A(?:\\t|\s)\s*([01])(?:\.0*)?[.。]?[^\S\n]*(?:\n|\z)").ok());

/// What follows `expected` in `text`, with white space not counted.
fn skip<'a>(text: &'a str, expected: &str) -> Option<&'a str> {
    let mut letters = text.char_indices().filter(|(_, c)| !c.is_whitespace());
    let mut end = 0;
    for wanted in expected.chars().filter(|c| !c.is_whitespace()) {
        let (at, c) = letters.next()?;
        if c != wanted {
            return None;
        }
        end = at + c.len_utf8();
    }
    text.get(end..)
}

fn beginning(text: &str) -> String {
    text.trim().chars().take(40).collect()
}
