//! A judge's answer as scores.

use std::sync::LazyLock;

use regex::Regex;
use thiserror::Error;

use super::item::Criterion;
use super::quirks::CfBenchQuirks;
use super::score::{CfBenchScore, score_verdicts};
use crate::UnreadableAnswer;
use crate::python::{float, strip};

/// How the scores were read out of an answer.
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
    /// The official program's own name: "1", "0" or "-1".
    pub const fn code(self) -> &'static str {
        match self {
            Self::Strict => "1",
            Self::OnesOnly => "0",
            Self::Nothing => "-1",
        }
    }
}

/// The scores of an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct CfBenchJudgement {
    /// The scores as the judge wrote them; with [`ParseStatus::Strict`] one for each criterion.
    pub scores: Vec<String>,
    /// How they were read.
    pub status: ParseStatus,
    /// The three rates.
    pub score: CfBenchScore,
}

/// Why an answer gives no scores; the judge should be asked again.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the messages name the fields")]
pub enum CfBenchJudgeError {
    /// The answer does not give a score for every criterion.
    #[error(transparent)]
    Unreadable(#[from] UnreadableAnswer),
    /// With [`CfBenchQuirks::ones_only`]: a line has a tab, but no number after it. The official program ends there.
    #[error("the released code ends with ValueError: could not convert {text:?} to a number")]
    NotANumber { text: String },
}

fn unreadable(reason: impl Into<String>) -> CfBenchJudgeError {
    UnreadableAnswer::new(reason).into()
}

/// Reads and scores a judge's answer: `criterion<TAB>0|1` for each criterion in order.
///
/// The cost is linear in the answer.
///
/// ```
/// use trace_score::cfbench::{CfBenchQuirks, Criterion, Priority, judge_answer};
///
/// let criterion = |text: &str, priority| Criterion { text: text.to_owned(), priority, labels: Vec::new() };
/// let criteria = [criterion("two sentences", Priority::Primary), criterion("no commas", Priority::Secondary)];
/// let judged = judge_answer("two sentences\t1\nno commas\t0\n", &criteria, CfBenchQuirks::none())?;
/// assert_eq!((judged.score.csr, judged.score.isr, judged.score.psr), (0.5, 0, 0));
/// # Ok::<(), trace_score::cfbench::CfBenchJudgeError>(())
/// ```
///
/// # Errors
///
/// An answer that does not give a score for every criterion.
///
/// # Source
///
/// `code/evalaute.py` of CFBench 0bcbf9b.
pub fn judge_answer(
    answer: &str,
    criteria: &[Criterion],
    quirks: CfBenchQuirks,
) -> Result<CfBenchJudgement, CfBenchJudgeError> {
    let read = match quirks.verbatim_criteria {
        true => verbatim(answer, criteria),
        false => spaced_anyhow(answer, criteria),
    };
    let scores = match read {
        Ok(scores) => scores,
        Err(_) if quirks.ones_only => return ones(answer),
        Err(error) => return Err(error),
    };
    let priorities: Vec<_> = criteria.iter().map(|criterion| criterion.priority).collect();
    let verdicts: Vec<bool> = scores.iter().map(|score| float(score) == Some(1.0)).collect();
    let score = score_verdicts(&priorities, &verdicts, quirks);
    let score = score.ok_or_else(|| unreadable("there are no criteria"))?;
    Ok(CfBenchJudgement { scores, status: ParseStatus::Strict, score })
}

/// One piece for each criterion, cut at blank lines, with the criterion's own text and a 0 or 1 around one tab.
fn verbatim(answer: &str, criteria: &[Criterion]) -> Result<Vec<String>, CfBenchJudgeError> {
    let pieces: Vec<&str> = answer.split("\n\n").collect();
    let score = |(piece, criterion): (&&str, &Criterion)| {
        let (before, after) = one_tab(piece)?;
        let value = float(after)?;
        (before == criterion.text && (value == 0.0 || value == 1.0)).then(|| strip(after).to_owned())
    };
    let scores: Option<Vec<String>> = pieces.iter().zip(criteria).map(score).collect();
    scores
        .filter(|scores| scores.len() == criteria.len() && scores.len() == pieces.len())
        .ok_or_else(|| unreadable("the answer does not repeat each criterion with a tab and 0 or 1 after it"))
}

/// White space is not counted: criteria may be trimmed or broken otherwise, and one, two or more line ends may separate
/// them. A tab may also be written as `\t` or as blanks, and a score as `1.0` or with a full stop after it. Everything
/// else must be as the criteria are.
fn spaced_anyhow(answer: &str, criteria: &[Criterion]) -> Result<Vec<String>, CfBenchJudgeError> {
    let mut rest = answer.trim();
    let mut scores = Vec::with_capacity(criteria.len());
    for (place, criterion) in criteria.iter().enumerate() {
        let after = skip(rest, &criterion.text)
            .ok_or_else(|| unreadable(format!("the answer does not have criterion {place} in its place")))?;
        let Some(found) = SCORE.as_ref().and_then(|score| score.captures(after)) else {
            let line = after.trim_start().lines().next().unwrap_or_default();
            let found = beginning(line);
            return Err(unreadable(format!("the score of criterion {place} is {found:?}, not 0 or 1")));
        };
        scores.push(found[1].to_owned());
        rest = &after[found[0].len()..];
    }
    match rest.trim() {
        "" => Ok(scores),
        found => Err(unreadable(format!("text follows the last score: {:?}", beginning(found)))),
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

/// The scores of lines that end in 1; zeros are lost, because the official program tests the number itself for truth.
fn ones(answer: &str) -> Result<CfBenchJudgement, CfBenchJudgeError> {
    let mut scores = Vec::new();
    for (_, after) in answer.split('\n').filter_map(one_tab) {
        match float(after) {
            Some(1.0) => scores.push(strip(after).to_owned()),
            Some(_) => {}
            None => return Err(CfBenchJudgeError::NotANumber { text: after.to_owned() }),
        }
    }
    let of = |rate: u8| CfBenchScore { csr: f64::from(rate), isr: rate, psr: rate };
    Ok(match scores.is_empty() {
        true => CfBenchJudgement { scores: vec!["0".to_owned()], status: ParseStatus::Nothing, score: of(0) },
        false => CfBenchJudgement { scores, status: ParseStatus::OnesOnly, score: of(1) },
    })
}

fn one_tab(text: &str) -> Option<(&str, &str)> {
    text.split_once('\t').filter(|(_, after)| !after.contains('\t'))
}
