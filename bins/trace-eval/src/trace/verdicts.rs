//! From judgements to verdicts.

use anyhow::Result;
use serde::Serialize;
use trace_schema::Constraint;
use trace_score::trace::{
    Agreement, FULL_SCORE, Judgement, VoteRule, agreement, official_overall_score, parse_judgement, vote,
};
use trace_score::{ConstraintScore, Judged, JudgedConstraint, Verdict};

use super::TraceItem;
use crate::benchmark::Case;
use crate::judging::Ballot;

/// How a judge's answer is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Parser {
    /// The scores of the constraints, strictly.
    Strict,
    /// The first overall score, as the released script reads it.
    Compatible,
}

/// One row of votes.jsonl.
#[derive(Debug, Serialize)]
pub(super) struct VoteRow<'a> {
    id: &'a str,
    vote: usize,
    /// How often the judge was asked.
    attempts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    judgement: Option<&'a Judgement>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failed: Option<String>,
}

/// How far the votes agree, over answers all of whose votes could be read.
#[derive(Debug, Serialize)]
pub(super) struct VoteAgreement {
    /// On whether a score is the full one.
    pub(super) full_score: Agreement,
    /// On the score itself; absent for the compatible parser, whose scores may be fractions and so have no categories.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) score: Option<Agreement>,
}

impl Parser {
    /// Reads an answer; the error can be shown. The compatible judgement has no scores but the overall one.
    pub(super) fn read(self, item: &TraceItem, answer: &str) -> Result<Judgement, String> {
        match self {
            Self::Strict => {
                let texts: Vec<&str> =
                    item.instruction.constraints.iter().map(|constraint| constraint.text.as_str()).collect();
                parse_judgement(answer, &texts).map_err(|error| error.to_string())
            }
            Self::Compatible => match official_overall_score(answer) {
                Some(overall) if overall <= f64::from(FULL_SCORE) => {
                    Ok(Judgement { scores: Vec::new(), overall })
                }
                Some(overall) => Err(format!("the overall score is {overall}, not between 0 and 10")),
                None => Err("error when extracting score".to_owned()),
            },
        }
    }

    fn score(self, judgement: &Judgement, place: usize) -> Option<f64> {
        match self {
            Self::Strict => judgement.scores.get(place).copied().map(f64::from),
            Self::Compatible => Some(judgement.overall),
        }
    }

    /// The full scores of a judgement as 1, all others as 0.
    fn full(self, judgement: &Judgement) -> Vec<u8> {
        let is_full = |score: f64| u8::from(score == f64::from(FULL_SCORE));
        match self {
            Self::Strict => judgement.scores.iter().map(|&score| is_full(f64::from(score))).collect(),
            Self::Compatible => vec![is_full(judgement.overall)],
        }
    }
}

/// The verdict on a case: the votes joined, if more than half of them could be read.
pub(super) fn judged(
    case: &Case<TraceItem>,
    ballots: &[Ballot<Judgement>],
    parser: Parser,
    rule: VoteRule,
) -> Result<Judged> {
    let verdict = match &case.response {
        Err(reason) => failed(case, reason.clone()),
        Ok(_) => verdict(case, ballots, parser, rule)?,
    };
    let answer = case.response.clone().unwrap_or_default();
    Ok(Judged { id: case.item.id.clone(), prompt: case.item.prompt.clone(), answer, verdict })
}

fn verdict(
    case: &Case<TraceItem>,
    ballots: &[Ballot<Judgement>],
    parser: Parser,
    rule: VoteRule,
) -> Result<Verdict> {
    let read: Vec<Judgement> = ballots.iter().filter_map(Ballot::judgement).cloned().collect();
    if 2 * read.len() <= ballots.len() {
        let last = ballots.iter().rev().find_map(Ballot::failure).unwrap_or_default();
        let reason = match ballots.len() {
            1 => last,
            votes => format!("{} of {votes} votes count, which is not more than half; {last}", read.len()),
        };
        return Ok(failed(case, reason));
    }
    let joined = vote(&read, rule)?.judgement;
    let constraint = |(place, constraint): (usize, &Constraint)| {
        let score = parser.score(&joined, place).unwrap_or(f64::NAN);
        let score = ConstraintScore::new(score)?;
        Ok(JudgedConstraint { text: constraint.text.clone(), dimension: constraint.dimension.clone(), score })
    };
    let constraints = case.item.instruction.constraints.iter().enumerate().map(constraint);
    Ok(Verdict::Scored { constraints: constraints.collect::<Result<_>>()?, also_required: true })
}

fn failed(case: &Case<TraceItem>, reason: String) -> Verdict {
    Verdict::Failed { constraints: case.item.instruction.constraints.clone(), reason }
}

/// The outcome of each vote.
pub(super) fn vote_rows<'a>(case: &'a Case<TraceItem>, ballots: &'a [Ballot<Judgement>]) -> Vec<VoteRow<'a>> {
    let row = |(vote, ballot): (usize, &'a Ballot<Judgement>)| VoteRow {
        id: &case.item.id,
        vote: vote + 1,
        attempts: ballot.attempts(),
        judgement: ballot.judgement(),
        failed: ballot.failure(),
    };
    ballots.iter().enumerate().map(row).collect()
}

/// How far votes agree; nothing for fewer than two votes, or where no answer has all of its votes.
pub(super) fn agreement_of(
    ballots: &[&[Ballot<Judgement>]],
    parser: Parser,
) -> Result<Option<VoteAgreement>> {
    let whole: Vec<Vec<&Judgement>> = ballots
        .iter()
        .filter_map(|votes| votes.iter().map(Ballot::judgement).collect::<Option<Vec<_>>>())
        .filter(|votes| votes.len() > 1)
        .collect();
    let full = ratings(&whole, |judgement| parser.full(judgement));
    if full.is_empty() {
        return Ok(None);
    }
    let score = match parser {
        Parser::Strict => Some(agreement(&ratings(&whole, |judgement| judgement.scores.clone()))?),
        Parser::Compatible => None,
    };
    Ok(Some(VoteAgreement { full_score: agreement(&full)?, score }))
}

/// One row for each item of each answer, with the categories that its votes give.
fn ratings(votes: &[Vec<&Judgement>], categories: impl Fn(&Judgement) -> Vec<u8>) -> Vec<Vec<u8>> {
    let of_answer = |votes: &Vec<&Judgement>| {
        let by_vote: Vec<Vec<u8>> = votes.iter().map(|judgement| categories(judgement)).collect();
        let items = by_vote.iter().map(Vec::len).min().unwrap_or_default();
        (0..items).map(|item| by_vote.iter().map(|vote| vote[item]).collect()).collect::<Vec<_>>()
    };
    votes.iter().flat_map(of_answer).collect()
}
