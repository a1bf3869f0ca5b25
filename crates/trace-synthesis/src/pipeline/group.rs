//! Building a group around x₁ and y₁: one of the three operations on constraints, y₂, and the checks of all pairs.

use std::collections::HashMap;

use minijinja::context;
use trace_schema::{Constraint, ConstraintDimension, ConstraintOperation, Instruction};
use trace_score::trace::without_number;
use trace_world::pick;

use super::answer::{PairVerdicts, changed_schema, read_constraints, read_verdicts, verdicts_schema};
use super::config::{MAX_CONSTRAINTS, QuestionKind};
use super::context::{Asked, Context};
use super::error::StepError;
use super::prompts::{PromptKind, dimensions, parts};
use super::respond::{ResponseStages, judge_response, write_response};
use super::stage::{Reason, Stage};
use crate::random::row_rng;

const STAGE: Stage = Stage::Perturbation;

/// Samples the operation on a row, uniformly among those that its constraints allow: the only constraint cannot be
/// deleted, and an instruction with the largest number gets no further one.
///
/// # Source
///
/// IOPO (ACL 2025), Appendix D, Step 1.
pub(super) fn draw_operation(seed: u64, id: &str, x1: &Instruction) -> ConstraintOperation {
    let count = x1.constraints.len();
    let possible: Vec<ConstraintOperation> = ConstraintOperation::ALL
        .into_iter()
        .filter(|operation| match operation {
            ConstraintOperation::Add => count < MAX_CONSTRAINTS,
            ConstraintOperation::Delete => count > 1,
            ConstraintOperation::Revise => true,
        })
        .collect();
    // REVISE is always possible.
    pick(&possible, &mut row_rng(seed, id, "operation")).copied().unwrap_or(ConstraintOperation::Revise)
}

/// Changes the constraints so that y₁ no longer satisfies them: x₂ of a group.
///
/// # Source
///
/// IOPO (ACL 2025), Appendix D, Step 1.
pub(super) async fn perturb_constraints(
    context: &mut Context,
    x1: &Instruction,
    y1: &str,
    operation: ConstraintOperation,
    attempt: u32,
) -> Result<Instruction, StepError> {
    let values = context! {
        operation => operation.name(),
        response => y1,
        dimensions => dimensions(&ConstraintDimension::ALL),
        ..parts(x1)
    };
    let asked = Asked {
        stage: STAGE,
        kind: QuestionKind::Perturbation,
        step: attempt.to_string(),
        messages: context.render(PromptKind::Perturbation, values)?,
        schema: Some(changed_schema()),
    };
    let constraints = context.ask(asked, read_constraints).await?;
    match wrong_operation(operation, &x1.constraints, &constraints) {
        Some(problem) => Err(StepError::reject(STAGE, Reason::WrongOperation, problem)),
        None => Ok(Instruction { constraints: relabelled(&x1.constraints, constraints), ..x1.clone() }),
    }
}

/// Why a change is not the one that the operation asks for.
///
/// Constraints are compared by their words, without numbers and white space.
fn wrong_operation(operation: ConstraintOperation, old: &[Constraint], new: &[Constraint]) -> Option<String> {
    let kept = kept(old, new);
    let (lost, added) = (old.len() - kept, new.len() - kept);
    let problem = match operation {
        ConstraintOperation::Add if lost > 0 => Some(format!("{lost} constraints are gone or reworded")),
        ConstraintOperation::Add if added == 0 => Some("no constraint was added".to_owned()),
        ConstraintOperation::Delete if added > 0 => Some(format!("{added} constraints are new or reworded")),
        ConstraintOperation::Delete if new.is_empty() => Some("no constraint is left".to_owned()),
        ConstraintOperation::Delete if lost == 0 => Some("no constraint was deleted".to_owned()),
        ConstraintOperation::Revise if new.len() != old.len() => {
            Some(format!("there are {} constraints, not {}", new.len(), old.len()))
        }
        ConstraintOperation::Revise if added == 0 => Some("no constraint was revised".to_owned()),
        ConstraintOperation::Revise if kept == 0 && old.len() > 1 => {
            Some("every constraint was revised".to_owned())
        }
        _ => None,
    };
    problem.or_else(|| {
        (new.len() > MAX_CONSTRAINTS).then(|| format!("there are more than {MAX_CONSTRAINTS} constraints"))
    })
}

/// How many of the old constraints are among the new ones.
fn kept(old: &[Constraint], new: &[Constraint]) -> usize {
    let mut counts: HashMap<String, usize> = HashMap::new();
    for constraint in new {
        *counts.entry(words(constraint)).or_default() += 1;
    }
    old.iter()
        .filter(|constraint| match counts.get_mut(&words(constraint)) {
            Some(count) if *count > 0 => {
                *count -= 1;
                true
            }
            _ => false,
        })
        .count()
}

/// The new constraints, where kept ones have the dimension that they had.
fn relabelled(old: &[Constraint], new: Vec<Constraint>) -> Vec<Constraint> {
    let dimensions: HashMap<String, _> =
        old.iter().map(|constraint| (words(constraint), &constraint.dimension)).collect();
    new.into_iter()
        .map(|constraint| match dimensions.get(&words(&constraint)) {
            Some(dimension) => Constraint { dimension: (*dimension).clone(), ..constraint },
            None => constraint,
        })
        .collect()
}

fn words(constraint: &Constraint) -> String {
    without_number(&constraint.text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Where y₂ is written and judged.
const SECOND: ResponseStages =
    ResponseStages { write: Stage::SecondResponse, judge: Stage::SecondEvaluation };

/// The second half of a group, as far as it was made.
#[derive(Debug, Clone, Default)]
pub(super) struct Second {
    pub x2: Option<Instruction>,
    pub y2: Option<String>,
}

/// A finished group's second half.
#[derive(Debug, Clone)]
pub(super) struct Grouped {
    pub x2: Instruction,
    pub y2: String,
    pub attempts: u32,
}

/// Tries to make x₂ and y₂; `draft` keeps the parts that were made, also after a failure.
pub(super) async fn build_group(
    context: &mut Context,
    x1: &Instruction,
    y1: &str,
    operation: ConstraintOperation,
    draft: &mut Second,
) -> Result<Grouped, StepError> {
    let last = context.shared.config.attempts.group;
    let mut attempts = 1;
    loop {
        *draft = Second::default();
        match attempt_group(context, x1, y1, operation, attempts, draft).await {
            Ok((x2, y2)) => return Ok(Grouped { x2, y2, attempts }),
            Err(error) if attempts < last && error.is_worth_another_attempt() => attempts += 1,
            Err(error) => return Err(error),
        }
    }
}

/// # Source
///
/// IOPO (ACL 2025), Appendix D and Figure 7.
async fn attempt_group(
    context: &mut Context,
    x1: &Instruction,
    y1: &str,
    operation: ConstraintOperation,
    attempt: u32,
    draft: &mut Second,
) -> Result<(Instruction, String), StepError> {
    let x2 = perturb_constraints(context, x1, y1, operation, attempt).await?;
    draft.x2 = Some(x2.clone());
    let step = attempt.to_string();
    // After DELETE, the constraints that are left are among those that y₁ satisfies: scores cannot tell, and the
    // check of all pairs must.
    if operation != ConstraintOperation::Delete {
        let stage = Stage::FirstUnderSecond;
        if judge_response(context, stage, &x2, y1, &step).await?.judgement.follows_all() {
            return Err(StepError::reject(stage, Reason::FirstFitsSecond, ""));
        }
    }
    let y2 = write_response(context, &x2, SECOND, &format!("{step}.")).await?.text;
    draft.y2 = Some(y2.clone());
    if y1 == y2 {
        return Err(StepError::reject(Stage::SecondResponse, Reason::SameResponse, ""));
    }
    // After ADD, y₂ satisfies all constraints of x₁ for the same reason.
    if context.shared.config.checks.second_violates_first && operation != ConstraintOperation::Add {
        let stage = Stage::SecondUnderFirst;
        if judge_response(context, stage, x1, &y2, &step).await?.judgement.follows_all() {
            return Err(StepError::reject(stage, Reason::SecondFitsFirst, ""));
        }
    }
    check_rationality(context, x1, y1, &x2, &y2, &step).await?;
    Ok((x2, y2))
}

/// Has a judge look at all four pairs at once.
///
/// # Source
///
/// IOPO (ACL 2025), Appendix D, last paragraph.
async fn check_rationality(
    context: &mut Context,
    x1: &Instruction,
    y1: &str,
    x2: &Instruction,
    y2: &str,
    step: &str,
) -> Result<(), StepError> {
    let (x1, x2) = (x1.prompt(), x2.prompt());
    let values = context! { x1 => x1.trim_end(), x2 => x2.trim_end(), y1 => y1, y2 => y2 };
    let asked = Asked {
        stage: Stage::Rationality,
        kind: QuestionKind::Rationality,
        step: step.to_owned(),
        messages: context.render(PromptKind::Rationality, values)?,
        schema: Some(verdicts_schema()),
    };
    let verdicts = context.ask(asked, read_verdicts).await?;
    match unexpected(&verdicts, context.shared.config.checks.second_violates_first) {
        None => Ok(()),
        Some(problem) => {
            let detail = format!("{problem}: {}", verdicts.reason);
            Err(StepError::reject(Stage::Rationality, Reason::Irrational, detail))
        }
    }
}

/// The first pair that is not as a group needs it.
fn unexpected(verdicts: &PairVerdicts, second_violates_first: bool) -> Option<&'static str> {
    let PairVerdicts { x1_y1, x1_y2, x2_y1, x2_y2, .. } = *verdicts;
    match () {
        () if !x1_y1 => Some("y1 is wrong for x1"),
        () if !x2_y2 => Some("y2 is wrong for x2"),
        () if x2_y1 => Some("y1 is right for x2"),
        () if x1_y2 && second_violates_first => Some("y2 is right for x1"),
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn constraints(texts: &[&str]) -> Vec<Constraint> {
        texts.iter().map(|text| Constraint::new(*text, ConstraintDimension::Theme)).collect()
    }

    fn problem(operation: ConstraintOperation, new: &[&str]) -> Option<String> {
        wrong_operation(operation, &constraints(&["1. a", "2. b", "3. c"]), &constraints(new))
    }

    #[test]
    fn an_operation_is_known_by_what_it_leaves() {
        use ConstraintOperation::{Add, Delete, Revise};
        assert_eq!(problem(Add, &["1. a", "2. d", "3. b", "4. c"]), None);
        assert_eq!(problem(Delete, &["1. c", "2. a"]), None);
        assert_eq!(problem(Revise, &["1. a", "2. d", "3. c"]), None);
        let wrong: [(_, &[&str]); 9] = [
            (Add, &["1. a", "2. b", "3. c"]),
            (Add, &["1. a", "2. b", "3. d"]),
            (Add, &["1. a", "2. b", "3. d", "4. e"]),
            (Delete, &["1. a", "2. b", "3. c"]),
            (Delete, &["1. a", "2. d"]),
            (Delete, &[]),
            (Revise, &["1. a", "2. b", "3. c"]),
            (Revise, &["1. a", "2. b"]),
            (Revise, &["1. d", "2. e", "3. f"]),
        ];
        for (operation, new) in wrong {
            assert!(problem(operation, new).is_some(), "{operation} {new:?}");
        }
    }

    #[test]
    fn kept_constraints_keep_their_dimension() {
        let old = [Constraint::new("1. a", ConstraintDimension::Emotion)];
        let new = relabelled(&old, constraints(&["1. d", "2.  a"]));
        assert_eq!(new[0].dimension, Some(ConstraintDimension::Theme.into()));
        assert_eq!(new[1].dimension, Some(ConstraintDimension::Emotion.into()));
    }

    #[test]
    fn operations_are_drawn_uniformly_and_only_where_possible() {
        let with = |count: usize| Instruction {
            description: "d".to_owned(),
            constraints: constraints(&vec!["1. a"; count]),
            input: None,
        };
        let (one, two, most) = (with(1), with(2), with(MAX_CONSTRAINTS));
        let mut counts = HashMap::new();
        for row in 0..3000 {
            let id = row.to_string();
            assert_ne!(draw_operation(1, &id, &one), ConstraintOperation::Delete);
            assert_ne!(draw_operation(1, &id, &most), ConstraintOperation::Add);
            *counts.entry(draw_operation(1, &id, &two)).or_insert(0) += 1;
        }
        // Six standard deviations of a binomial share of a third are 155.
        assert!(counts.values().all(|count: &i32| (count - 1000).abs() < 155), "{counts:?}");
    }

    #[test]
    fn exactly_one_pattern_of_pairs_is_wanted() {
        let mut kept = Vec::new();
        for bits in 0..16_u8 {
            let [x1_y1, x1_y2, x2_y1, x2_y2] = [8, 4, 2, 1].map(|bit| bits & bit != 0);
            let verdicts = PairVerdicts { x1_y1, x1_y2, x2_y1, x2_y2, reason: String::new() };
            for strict in [true, false] {
                if unexpected(&verdicts, strict).is_none() {
                    kept.push((bits, strict));
                }
            }
        }
        assert_eq!(kept, [(0b1001, true), (0b1001, false), (0b1101, false)]);
    }
}
