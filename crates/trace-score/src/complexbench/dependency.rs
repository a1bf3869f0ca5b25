//! Questions that count only if others are satisfied.

use super::quirks::ComplexBenchQuirks;
use super::verdict::Verdict;
use crate::ScoreError;

/// The verdicts after dependencies; `dependencies` names, for each question, the questions it rests on.
///
/// Questions are counted from 0, and negative numbers from the end, as the official program's lists do. A failed
/// prerequisite makes all questions fail that rest on it, through any number of others; a question that rests on one
/// without a verdict has none either, unless it fails for another reason. With
/// [`ComplexBenchQuirks::direct_dependencies`] only a no counts, and only for the questions that name it.
///
/// # Errors
///
/// A prerequisite that does not exist, where the official program ends with an `IndexError`, or lists of different
/// lengths.
///
/// # Source
///
/// `evaluation/aggregation.py`, ComplexBench 749f457.
///
/// ```
/// use trace_score::complexbench::{ComplexBenchQuirks, Verdict::{Fails, Holds}, apply_dependencies};
///
/// let chain = [vec![], vec![0], vec![1]];
/// let raw = [Fails, Holds, Holds];
/// assert_eq!(apply_dependencies(&raw, &chain, ComplexBenchQuirks::official())?, [Fails, Fails, Holds]);
/// assert_eq!(apply_dependencies(&raw, &chain, ComplexBenchQuirks::none())?, [Fails, Fails, Fails]);
/// # Ok::<(), trace_score::ScoreError>(())
/// ```
pub fn apply_dependencies(
    verdicts: &[Verdict],
    dependencies: &[Vec<i64>],
    quirks: ComplexBenchQuirks,
) -> Result<Vec<Verdict>, ScoreError> {
    let dependents = dependents(verdicts.len(), dependencies)?;
    if verdicts.len() != dependencies.len() {
        let (questions, verdicts) = (dependencies.len(), verdicts.len());
        return Err(ScoreError::new(format!("{verdicts} verdicts for {questions} questions")));
    }
    let mut result = verdicts.to_vec();
    if quirks.direct_dependencies {
        for (prerequisite, dependents) in dependents.iter().enumerate() {
            if verdicts[prerequisite] == Verdict::Fails {
                dependents.iter().for_each(|&question| result[question] = Verdict::Fails);
            }
        }
        return Ok(result);
    }
    spread(&mut result, &dependents, |verdict| verdict == Verdict::Fails, |_| Some(Verdict::Fails));
    let unsettled = |verdict| matches!(verdict, Verdict::Unknown | Verdict::Missing);
    let unless_failed = |verdict| (verdict == Verdict::Holds).then_some(Verdict::Missing);
    spread(&mut result, &dependents, unsettled, unless_failed);
    Ok(result)
}

/// For each question, those that rest on it.
fn dependents(count: usize, dependencies: &[Vec<i64>]) -> Result<Vec<Vec<usize>>, ScoreError> {
    let mut dependents = vec![Vec::new(); count];
    for (question, named) in dependencies.iter().enumerate() {
        for &prerequisite in named {
            let from_end = if prerequisite < 0 { count as i64 + prerequisite } else { prerequisite };
            let place = usize::try_from(from_end).ok().and_then(|place| dependents.get_mut(place));
            let error = || {
                let message =
                    format!("question {question} rests on question {prerequisite}, but there are {count}");
                ScoreError::new(message)
            };
            place.ok_or_else(error)?.push(question);
        }
    }
    Ok(dependents)
}

/// Carries a verdict from the questions that have it to all that rest on them; each question is visited once.
fn spread(
    verdicts: &mut [Verdict],
    dependents: &[Vec<usize>],
    starts: impl Fn(Verdict) -> bool,
    becomes: impl Fn(Verdict) -> Option<Verdict>,
) {
    let mut visited: Vec<bool> = verdicts.iter().map(|&verdict| starts(verdict)).collect();
    let mut waiting: Vec<usize> = (0..verdicts.len()).filter(|&question| visited[question]).collect();
    while let Some(prerequisite) = waiting.pop() {
        for &question in &dependents[prerequisite] {
            if let (false, Some(verdict)) = (visited[question], becomes(verdicts[question])) {
                verdicts[question] = verdict;
                visited[question] = true;
                waiting.push(question);
            }
        }
    }
}
