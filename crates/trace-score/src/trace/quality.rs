//! Checks of instructions, by rule, and the answers of judges that check them.

use std::fmt;
use std::sync::LazyLock;

use regex::Regex;
use serde::{Deserialize, Serialize};
use trace_schema::Instruction;

use super::block::{Entries, blocks};
use super::judgement::{MAX_ANSWER_BYTES, too_long};
use super::wording::{letters, without_number};
use crate::UnreadableAnswer;

/// The fewest letters and digits that make a repetition worth reporting.
const MIN_REPEATED: usize = 4;

/// The most characters that a description can have after it points at material, if the material is missing.
const MAX_AFTER_REFERENCE: usize = 60;

/// A fault that a rule finds in an instruction. Constraints are counted from 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum QualityIssue {
    /// The description has no letter and no digit, or is the text "NULL".
    EmptyDescription,
    /// The description already holds the whole wording of a constraint.
    ConstraintInDescription {
        /// The constraint.
        constraint: usize,
    },
    /// A constraint has the wording of an earlier one.
    RepeatedConstraint {
        /// The earlier constraint.
        first: usize,
        /// The repetition.
        again: usize,
    },
    /// The description points at material, but there is no input.
    InputMissing {
        /// The words that point at it.
        reference: String,
    },
    /// The description already holds the whole input.
    InputInDescription,
}

impl fmt::Display for QualityIssue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EmptyDescription => write!(f, "the description is empty"),
            Self::ConstraintInDescription { constraint } => {
                write!(f, "the description already has constraint {}", constraint + 1)
            }
            Self::RepeatedConstraint { first, again } => {
                write!(f, "constraint {} repeats constraint {}", again + 1, first + 1)
            }
            Self::InputMissing { reference } => {
                write!(f, "the description speaks of {reference:?}, but there is no input")
            }
            Self::InputInDescription => write!(f, "the description already has the input"),
        }
    }
}

/// Checks an instruction for what can be seen without understanding it.
///
/// Wordings are compared by their letters and digits alone, so "10 words." is found in "Use 10 words, please". That a
/// constraint says the same in other words, or that an input is about something else, only a judge can tell:
/// [`redundancy_prompt`](super::TracePrompts::redundancy_prompt) and
/// [`completeness_prompt`](super::TracePrompts::completeness_prompt). A missing input is guessed from phrases such as
/// "the following text" and 以下文本 near the end of the description; the guess errs on the side of silence.
///
/// # Source
///
/// The three questions of Section 4.4: is the description empty, do constraints repeat it, does the input match it?
pub fn check_quality(instruction: &Instruction) -> Vec<QualityIssue> {
    let mut issues = Vec::new();
    let description = letters(&instruction.description);
    if description.is_empty() || description == "null" {
        issues.push(QualityIssue::EmptyDescription);
    }
    let wordings: Vec<String> =
        instruction.constraints.iter().map(|constraint| letters(without_number(&constraint.text))).collect();
    for (index, wording) in wordings.iter().enumerate() {
        if repeats(&description, wording) {
            issues.push(QualityIssue::ConstraintInDescription { constraint: index });
        }
        if let Some(first) = wordings[..index].iter().position(|earlier| earlier == wording) {
            issues.push(QualityIssue::RepeatedConstraint { first, again: index });
        }
    }
    issues.extend(check_input(instruction, &description));
    issues
}

fn repeats(description: &str, part: &str) -> bool {
    part.chars().nth(MIN_REPEATED - 1).is_some() && description.contains(part)
}

fn check_input(instruction: &Instruction, description: &str) -> Option<QualityIssue> {
    match &instruction.input {
        Some(input) => repeats(description, &letters(input)).then_some(QualityIssue::InputInDescription),
        None => {
            let found = REFERENCE.as_ref()?.find_iter(&instruction.description).last()?;
            let after = instruction.description[found.end()..].chars().count();
            let reference = found.as_str().to_owned();
            (after <= MAX_AFTER_REFERENCE).then_some(QualityIssue::InputMissing { reference })
        }
    }
}

/// Words that point at material which is not in the sentence itself.
static REFERENCE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?i)(?:以下|下面|下列|下述|所给|给定|所?提供)的?(?:这|那|一)?[段篇组份个些]?(?:文本|文章|材料|段落|句子|对话|数据|表格|资料|短文|信息)",
        r"|\b(?:the|this|these) (?:following|given|provided) (?:text|passage|article|paragraph|sentences?|data|table|dialogue|material)\b",
        r"|\b(?:text|passage|article|paragraph|sentences?|data|table|dialogue|material) (?:below|provided)\b",
    ))
    .ok()
});

/// A judge's verdict on an instruction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QualityVerdict {
    /// Whether the instruction has the fault that was asked about.
    pub issue: bool,
    /// The judge's reason, in its own words; may be empty.
    pub reason: String,
}

/// Reads the last JSON object of an answer, `{"issue": true, "reason": "..."}`.
///
/// # Errors
///
/// No object, or no `issue` in it that is true or false.
pub fn parse_quality_verdict(answer: &str) -> Result<QualityVerdict, UnreadableAnswer> {
    if answer.len() > MAX_ANSWER_BYTES {
        return Err(too_long(answer));
    }
    let (Entries(entries), _) =
        blocks(answer).last().ok_or_else(|| UnreadableAnswer::new("found no JSON object in the answer"))?;
    let mut issues = entries.iter().filter(|(key, _)| key == "issue").map(|(_, value)| value.as_bool());
    let (Some(Some(issue)), None) = (issues.next(), issues.next()) else {
        return Err(UnreadableAnswer::new("\"issue\" is not true or false, once"));
    };
    let reason = entries.iter().find(|(key, _)| key == "reason").and_then(|(_, value)| value.as_str());
    Ok(QualityVerdict { issue, reason: reason.unwrap_or_default().to_owned() })
}
