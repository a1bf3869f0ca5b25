//! From x₁ to x₂: one of the paper's three operations on constraints.

use std::collections::HashMap;

use minijinja::context;
use trace_schema::{Constraint, ConstraintDimension, ConstraintOperation, Instruction};
use trace_score::trace::without_number;

use super::answer::{changed_schema, read_constraints};
use super::config::MAX_CONSTRAINTS;
use super::context::{Asked, Context};
use super::fault::StepError;
use super::prompt_kind::{PromptKind, dimensions, parts};
use super::question_kind::QuestionKind;
use super::stage::{Reason, Stage};
use crate::random::row_rng;
use trace_world::pick;

const STAGE: Stage = Stage::Perturbation;

/// Draws the operation on a row, uniformly among those that its constraints allow: the only one cannot be deleted,
/// and none is added to the largest number.
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

/// Changes the constraints so that y₁ satisfies them no longer: x₂ of a group.
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

/// What is wrong with a change that should have been made by an operation.
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
}
