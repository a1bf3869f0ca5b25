//! Questions that count only if others are satisfied.

use thiserror::Error;

use super::verdict::Verdict;

/// How far a failed prerequisite reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dependence {
    /// To the questions that name it, judged by its own verdict: the official rule.
    ///
    /// Of three questions in a chain with the verdicts no, yes, yes the last stays yes. Only a no counts: the verdict 2
    /// and a missing one block nothing.
    Direct,
    /// To all questions that rest on it, through any number of others.
    ///
    /// A question that rests on one without a verdict has none either, unless it fails for another reason.
    #[default]
    Transitive,
}

/// Why dependencies cannot be applied.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DependencyError {
    /// A question rests on one that is not there. The official code ends with an `IndexError`.
    #[error("question {question} rests on question {prerequisite}, but there are {count}")]
    OutOfRange {
        /// The question, counted from 0.
        question: usize,
        /// The question it names.
        prerequisite: i64,
        /// The number of verdicts.
        count: usize,
    },
    /// There are more or fewer verdicts than questions.
    #[error("{verdicts} verdicts for {questions} questions")]
    CountMismatch {
        /// The number of questions.
        questions: usize,
        /// The number of verdicts.
        verdicts: usize,
    },
}

/// The verdicts after dependencies; `dependencies` names, for each question, the questions it rests on.
///
/// Questions are counted from 0, and negative numbers from the end, as the official code's lists do.
///
/// # Errors
///
/// A prerequisite that is not there, or lists of different lengths.
///
/// # Source
///
/// `evaluation/aggregation.py`, ComplexBench 749f457, for [`Dependence::Direct`].
///
/// ```
/// use trace_score::complexbench::{Dependence, Verdict::{Fails, Holds}, apply_dependencies};
///
/// let chain = [vec![], vec![0], vec![1]];
/// let raw = [Fails, Holds, Holds];
/// assert_eq!(apply_dependencies(&raw, &chain, Dependence::Direct)?, [Fails, Fails, Holds]);
/// assert_eq!(apply_dependencies(&raw, &chain, Dependence::Transitive)?, [Fails, Fails, Fails]);
/// # Ok::<(), trace_score::complexbench::DependencyError>(())
/// ```
pub fn apply_dependencies(
    verdicts: &[Verdict],
    dependencies: &[Vec<i64>],
    dependence: Dependence,
) -> Result<Vec<Verdict>, DependencyError> {
    let dependents = dependents(verdicts.len(), dependencies)?;
    if verdicts.len() != dependencies.len() {
        let (questions, verdicts) = (dependencies.len(), verdicts.len());
        return Err(DependencyError::CountMismatch { questions, verdicts });
    }
    let mut result = verdicts.to_vec();
    match dependence {
        Dependence::Direct => {
            for (prerequisite, dependents) in dependents.iter().enumerate() {
                if verdicts[prerequisite] == Verdict::Fails {
                    dependents.iter().for_each(|&question| result[question] = Verdict::Fails);
                }
            }
        }
        Dependence::Transitive => {
            spread(&mut result, &dependents, |verdict| verdict == Verdict::Fails, |_| Some(Verdict::Fails));
            let unsettled = |verdict| matches!(verdict, Verdict::Unknown | Verdict::Missing);
            let unless_failed = |verdict| (verdict == Verdict::Holds).then_some(Verdict::Missing);
            spread(&mut result, &dependents, unsettled, unless_failed);
        }
    }
    Ok(result)
}

/// For each question, those that rest on it.
fn dependents(count: usize, dependencies: &[Vec<i64>]) -> Result<Vec<Vec<usize>>, DependencyError> {
    let mut dependents = vec![Vec::new(); count];
    for (question, named) in dependencies.iter().enumerate() {
        for &prerequisite in named {
            let from_end = if prerequisite < 0 { count as i64 + prerequisite } else { prerequisite };
            let place = usize::try_from(from_end).ok().and_then(|place| dependents.get_mut(place));
            let error = || DependencyError::OutOfRange { question, prerequisite, count };
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
