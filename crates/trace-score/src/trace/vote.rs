//! One judgement out of several of the same response.

use serde::{Deserialize, Serialize};

use super::judgement::Judgement;
use crate::ScoreError;

/// How k scores become one.
///
/// Both rules give a score that some judge gave, and both prefer the lower one where the votes do not decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VoteRule {
    /// The middle score, the lower one of the two in the middle for an even number of votes.
    #[default]
    Median,
    /// The most frequent score, the lowest of those that are equally frequent.
    Majority,
}

/// The outcome of a vote.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VotedJudgement {
    /// The scores that were voted.
    pub judgement: Judgement,
    /// The number of votes.
    pub votes: usize,
    /// For each constraint the share of votes for the score that was chosen, from 1/k to 1.
    pub support: Vec<f64>,
}

/// The scores of several judgements of one response, one row for each constraint and one column for each judgement.
///
/// Rows of many responses together are what [`agreement`](super::agreement) takes.
///
/// # Errors
///
/// No judgements, or judgements of different lengths.
pub fn constraint_ratings(judgements: &[Judgement]) -> Result<Vec<Vec<u8>>, ScoreError> {
    let expected =
        judgements.first().ok_or_else(|| ScoreError::new("no judgements to vote with"))?.scores.len();
    for (index, judgement) in judgements.iter().enumerate() {
        let found = judgement.scores.len();
        if found != expected {
            let message = format!("judgement {index} has {found} scores, the first has {expected}");
            return Err(ScoreError::new(message));
        }
    }
    let row = |place: usize| judgements.iter().map(|judgement| judgement.scores[place]).collect();
    Ok((0..expected).map(row).collect())
}

/// Joins several judgements of one response, constraint by constraint; the overall score is voted in the same way.
///
/// # Errors
///
/// No judgements, or judgements of different lengths.
pub fn vote(judgements: &[Judgement], rule: VoteRule) -> Result<VotedJudgement, ScoreError> {
    let rows = constraint_ratings(judgements)?;
    let of_row = |row: &Vec<u8>| choose(row.iter().copied().map(f64::from).collect(), rule);
    let chosen: Vec<(f64, f64)> = rows.iter().map(of_row).collect();
    let overall = choose(judgements.iter().map(|judgement| judgement.overall).collect(), rule).0;
    // The chosen score is one of the votes, hence a whole number from 0 to 255.
    let scores = chosen.iter().map(|&(score, _)| score as u8).collect();
    Ok(VotedJudgement {
        judgement: Judgement { scores, overall },
        votes: judgements.len(),
        support: chosen.into_iter().map(|(_, support)| support).collect(),
    })
}

/// The score that the rule chooses, and the share of votes for it.
fn choose(mut votes: Vec<f64>, rule: VoteRule) -> (f64, f64) {
    votes.sort_by(f64::total_cmp);
    let count = |score: f64| votes.iter().filter(|&&vote| vote == score).count();
    let score = match rule {
        VoteRule::Median => votes[(votes.len() - 1) / 2],
        // Of equal counts `max_by_key` takes the last, which from above is the lowest.
        VoteRule::Majority => votes.iter().copied().rev().max_by_key(|&vote| count(vote)).unwrap_or_default(),
    };
    (score, count(score) as f64 / votes.len() as f64)
}
