//! Building a group around x₁ and y₁.

use minijinja::context;
use trace_schema::{ConstraintOperation, Instruction};

use super::answer::{PairVerdicts, read_verdicts, verdicts_schema};
use super::context::{Asked, Context};
use super::fault::StepError;
use super::judge::judge_response;
use super::perturb::perturb_constraints;
use super::prompt_kind::PromptKind;
use super::question_kind::QuestionKind;
use super::respond::{ResponseStages, write_response};
use super::stage::{Reason, Stage};

/// Where y₂ is written and judged.
const SECOND: ResponseStages =
    ResponseStages { write: Stage::SecondResponse, judge: Stage::SecondEvaluation };

/// What there is of a group.
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

/// Tries to make x₂ and y₂; `draft` has what there is of them, also when that fails.
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
