//! The official reading of answers and the official arithmetic, errors included.

use thiserror::Error;

use super::item::Priority;
use super::python::{float, mean, round_to_hundredths, strip};
use super::score::CfBenchScore;

/// How the official code got its scores out of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ParseStatus {
    /// Criterion by criterion: "1".
    Strict,
    /// Lines with a 1 anywhere, which all count as satisfied: "0".
    OnesOnly,
    /// No line with a 1; the scores are a single 0: "-1".
    Nothing,
}

impl ParseStatus {
    /// The official code's own name: "1", "0" or "-1".
    pub const fn code(self) -> &'static str {
        match self {
            Self::Strict => "1",
            Self::OnesOnly => "0",
            Self::Nothing => "-1",
        }
    }
}

/// What the official code makes of one answer.
#[derive(Debug, Clone, PartialEq)]
pub struct OfficialJudgement {
    /// The scores as the judge wrote them.
    pub scores: Vec<String>,
    /// How they were read.
    pub status: ParseStatus,
    /// The three rates, CSR rounded to two decimals.
    pub score: CfBenchScore,
}

/// Where the official code ends with an exception.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OfficialError {
    /// A line has a tab, but what follows is no number. The official run breaks off.
    #[error("could not convert {text:?} to a number")]
    NotANumber {
        /// What follows the tab.
        text: String,
    },
    /// A priority is neither `主需` nor `次需`.
    #[error("unknown priority {priority:?}")]
    UnknownPriority {
        /// The priority.
        priority: String,
    },
}

impl OfficialError {
    /// The exception's name in Python.
    pub const fn python_name(&self) -> &'static str {
        match self {
            Self::NotANumber { .. } => "ValueError",
            Self::UnknownPriority { .. } => "AssertionError",
        }
    }
}

/// Reads and scores an answer as the official code does after its last attempt at judging.
///
/// `criteria` holds texts and priorities. The module's page lists how this differs from
/// [`judge_answer`](super::judge_answer).
///
/// # Errors
///
/// Where the official code raises an exception.
///
/// # Source
///
/// `code/evalaute.py` of CFBench 0bcbf9b.
pub fn official_judgement(
    answer: &str,
    criteria: &[(&str, &str)],
) -> Result<OfficialJudgement, OfficialError> {
    let (scores, status) = match strict(answer, criteria) {
        Some(scores) => (scores, ParseStatus::Strict),
        None => match ones(answer)? {
            scores if scores.is_empty() => (vec!["0".to_owned()], ParseStatus::Nothing),
            scores => (scores, ParseStatus::OnesOnly),
        },
    };
    let values: Vec<f64> = scores.iter().filter_map(|score| float(score)).collect();
    let csr = round_to_hundredths(mean(&values));
    let psr = match status {
        ParseStatus::Nothing => false,
        ParseStatus::OnesOnly => csr > 0.8,
        ParseStatus::Strict => priority_satisfied(&values, criteria, csr)?,
    };
    let score = CfBenchScore { csr, isr: u8::from(csr >= 1.0), psr: u8::from(psr) };
    Ok(OfficialJudgement { scores, status, score })
}

/// One piece per criterion, cut at blank lines, with the criterion's own text and a 0 or 1 around one tab.
fn strict(answer: &str, criteria: &[(&str, &str)]) -> Option<Vec<String>> {
    let pieces: Vec<&str> = answer.split("\n\n").collect();
    if pieces.len() != criteria.len() {
        return None;
    }
    let score = |(piece, (text, _)): (&&str, &(&str, &str))| {
        let (before, after) = one_tab(piece)?;
        let value = float(after)?;
        (before == *text && (value == 0.0 || value == 1.0)).then(|| strip(after).to_owned())
    };
    pieces.iter().zip(criteria).map(score).collect()
}

/// The scores of lines that end in 1; zeros are lost, because the official code tests the number itself for truth.
fn ones(answer: &str) -> Result<Vec<String>, OfficialError> {
    let mut scores = Vec::new();
    for (_, after) in answer.split('\n').filter_map(one_tab) {
        let value = float(after).ok_or_else(|| OfficialError::NotANumber { text: after.to_owned() })?;
        if value == 1.0 {
            scores.push(strip(after).to_owned());
        }
    }
    Ok(scores)
}

fn one_tab(text: &str) -> Option<(&str, &str)> {
    text.split_once('\t').filter(|(_, after)| !after.contains('\t'))
}

fn priority_satisfied(values: &[f64], criteria: &[(&str, &str)], csr: f64) -> Result<bool, OfficialError> {
    let (mut primary, mut secondary) = (Vec::new(), Vec::new());
    for (&value, (_, priority)) in values.iter().zip(criteria) {
        match Priority::parse(priority) {
            Some(Priority::Primary) => primary.push(value),
            Some(Priority::Secondary) => secondary.push(value),
            None => return Err(OfficialError::UnknownPriority { priority: (*priority).to_owned() }),
        }
    }
    Ok(match (primary.is_empty(), secondary.is_empty()) {
        _ if primary.contains(&0.0) => false,
        (true, _) => csr > 0.8,
        (_, true) => true,
        _ => 0.5 + 0.5 * round_to_hundredths(mean(&secondary)) > 0.8,
    })
}
