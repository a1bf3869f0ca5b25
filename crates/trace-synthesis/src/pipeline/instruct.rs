//! From a simple instruction to a complex one in three parts: expansion, structuring and quality control.
//!
//! Quality control is by rule, by a judge, and with a repair.

use minijinja::{Value as TemplateValue, context};
use trace_schema::{ConstraintDimension, Instruction};
use trace_score::trace::{QualityIssue, QualityVerdict, check_quality, parse_quality_verdict};
use trace_world::{CountDistribution, WorldRng};

use super::answer::{Structured, expansion_schema, parts_schema, read_expansion, read_parts};
use super::config::{MAX_CONSTRAINTS, QuestionKind};
use super::context::{Asked, Context};
use super::error::{Fault, StepError};
use super::prompts::{PromptKind, dimensions, parts};
use super::respond::judge_messages;
use super::seed::Seed;
use super::stage::{Reason, Stage};
use crate::random::row_rng;

/// Samples the number of constraints that a row should have.
pub(super) fn draw_target(seed: u64, id: &str, counts: &CountDistribution) -> usize {
    counts.draw(&mut row_rng(seed, id, "number of constraints"))
}

/// Samples the dimensions that an expansion may choose from, in the order of the taxonomy.
pub(super) fn draw_dimensions(seed: u64, id: &str, count: usize, attempt: u32) -> Vec<ConstraintDimension> {
    let rng: &mut WorldRng = &mut row_rng(seed, id, &format!("dimensions {attempt}"));
    let mut drawn = trace_world::pick_some(&ConstraintDimension::ALL, count, rng);
    drawn.sort_unstable();
    drawn
}

/// Rewrites a simple instruction so that it has about `target` constraints.
///
/// # Source
///
/// IOPO (ACL 2025), Section 4.1, "Constraint Expansion", and Appendix B.1.
pub(super) async fn expand_constraints(
    context: &mut Context,
    seed: &Seed,
    target: usize,
    attempt: u32,
) -> Result<String, StepError> {
    let config = &context.shared.config;
    let offered = draw_dimensions(config.seed, &seed.id, config.offered_dimensions.max(target), attempt);
    let messages = context.render(
        PromptKind::Expansion,
        context! {
            instruction => &seed.instruction,
            input => seed.input.as_deref(),
            count => target,
            dimensions => dimensions(&offered),
        },
    )?;
    let asked = Asked {
        stage: Stage::Expansion,
        kind: QuestionKind::Expansion,
        step: attempt.to_string(),
        messages,
        schema: Some(expansion_schema()),
    };
    context.ask(asked, read_expansion).await
}

/// Takes an instruction apart into description, constraints with their dimensions, and input.
///
/// # Source
///
/// IOPO (ACL 2025), Section 4.1, "Instruction Structuring", and Appendix B.2.
pub(super) async fn structure_instruction(
    context: &mut Context,
    text: &str,
    attempt: u32,
) -> Result<Instruction, StepError> {
    let messages = context.render(
        PromptKind::Structuring,
        context! { instruction => text, dimensions => dimensions(&ConstraintDimension::ALL) },
    )?;
    let asked = Asked {
        stage: Stage::Structuring,
        kind: QuestionKind::Structuring,
        step: attempt.to_string(),
        messages,
        schema: Some(parts_schema()),
    };
    accepted(Stage::Structuring, context.ask(asked, read_parts).await?)
}

/// The instruction, unless the model refused it or found no constraints.
pub(super) fn accepted(stage: Stage, structured: Structured) -> Result<Instruction, StepError> {
    match structured {
        Structured::Refused { reason } => Err(StepError::reject(stage, Reason::PoorInstruction, reason)),
        Structured::Instruction(instruction) if instruction.constraints.is_empty() => {
            Err(StepError::reject(stage, Reason::NoConstraints, ""))
        }
        Structured::Instruction(instruction) => Ok(instruction),
    }
}

const STAGE: Stage = Stage::QualityControl;

/// Checks an instruction, and has it repaired where that helps.
///
/// Rules look first; a judge is asked only where they find nothing.
///
/// # Source
///
/// IOPO (ACL 2025), Section 4.1, "Quality Control", and Appendix B.3 and B.4. The paper does not say what becomes of
/// an instruction that fails; Section 4.4 has GPT-4o correct the evaluation set.
pub(super) async fn control_quality(
    context: &mut Context,
    mut instruction: Instruction,
    attempt: u32,
) -> Result<Instruction, StepError> {
    context.enter(STAGE);
    let repairs = context.shared.config.attempts.repairs;
    let mut repaired = 0;
    loop {
        let faults = find_faults(context, &instruction, &format!("{attempt}.{repaired}")).await?;
        let Some(first) = faults.first() else { return Ok(instruction) };
        let reason = first.reason;
        let words: Vec<&str> = faults.iter().map(|fault| fault.words.as_str()).collect();
        if repaired == repairs {
            return Err(Fault::new(STAGE, reason, words.join("; ")).into());
        }
        repaired += 1;
        instruction = repair(context, &instruction, &words, &format!("{attempt}.{repaired}")).await?;
    }
}

/// Rejects an instruction whose number of constraints is too far from the sampled one.
pub(super) fn check_count(
    context: &Context,
    stage: Stage,
    instruction: &Instruction,
    target: usize,
) -> Result<(), StepError> {
    let count = instruction.constraints.len();
    let is_near =
        context.shared.config.count_tolerance.is_none_or(|tolerance| count.abs_diff(target) <= tolerance);
    match is_near && count <= MAX_CONSTRAINTS {
        true => Ok(()),
        false => {
            Err(StepError::reject(stage, Reason::OffTarget, format!("{count} constraints, not {target}")))
        }
    }
}

/// A fault, for the model that repairs and for the file of rejected rows.
struct Found {
    reason: Reason,
    words: String,
}

async fn find_faults(
    context: &mut Context,
    instruction: &Instruction,
    step: &str,
) -> Result<Vec<Found>, StepError> {
    let by_rule: Vec<Found> = check_quality(instruction)
        .iter()
        .map(|issue| Found { reason: reason_of(issue), words: issue.to_string() })
        .collect();
    if !by_rule.is_empty() {
        return Ok(by_rule);
    }
    let trace = context.prompts().trace();
    let completeness = judge_messages(trace.completeness_prompt(instruction));
    let redundancy = judge_messages(trace.redundancy_prompt(instruction));
    let asked = |about: &str, messages| Asked {
        stage: STAGE,
        kind: QuestionKind::QualityControl,
        step: format!("{step} {about}"),
        messages,
        schema: None,
    };
    let read = |answer: &str| parse_quality_verdict(answer).map_err(|error| error.to_string());
    let mut beside = context.beside();
    let (complete, redundant) = tokio::join!(
        context.ask(asked("completeness", completeness), read),
        beside.ask(asked("redundancy", redundancy), read)
    );
    context.log.absorb(beside.log);
    let found = |reason: Reason, verdict: QualityVerdict| {
        let QualityVerdict { issue, reason: words } = verdict;
        let words = if words.is_empty() { reason.name().to_owned() } else { words };
        issue.then_some(Found { reason, words })
    };
    let verdicts = [found(Reason::Incomplete, complete?), found(Reason::Redundant, redundant?)];
    Ok(verdicts.into_iter().flatten().collect())
}

fn reason_of(issue: &QualityIssue) -> Reason {
    match issue {
        QualityIssue::InputMissing { .. } => Reason::Incomplete,
        QualityIssue::EmptyDescription => Reason::InvalidInstruction,
        _ => Reason::Redundant,
    }
}

async fn repair(
    context: &mut Context,
    instruction: &Instruction,
    faults: &[&str],
    step: &str,
) -> Result<Instruction, StepError> {
    let messages = context.render(
        PromptKind::Repair,
        context! { faults => faults.iter().copied().collect::<TemplateValue>(), dimensions => dimensions(&ConstraintDimension::ALL), ..parts(instruction) },
    )?;
    let asked = Asked {
        stage: STAGE,
        kind: QuestionKind::Repair,
        step: step.to_owned(),
        messages,
        schema: Some(parts_schema()),
    };
    accepted(STAGE, context.ask(asked, read_parts).await?)
}
