//! From a simple instruction to a complex one in three parts: expansion and structuring.

use minijinja::context;
use trace_schema::{ConstraintDimension, Instruction};

use super::answer::{Structured, expansion_schema, parts_schema, read_expansion, read_parts};
use super::context::{Asked, Context};
use super::fault::StepError;
use super::prompt_kind::{PromptKind, dimensions};
use super::question_kind::QuestionKind;
use super::seed::Seed;
use super::stage::{Reason, Stage};
use crate::random::row_rng;
use trace_world::{CountDistribution, WorldRng};

/// Draws the number of constraints that a row should have.
pub(super) fn draw_target(seed: u64, id: &str, counts: &CountDistribution) -> usize {
    counts.draw(&mut row_rng(seed, id, "number of constraints"))
}

/// Draws the dimensions that an expansion may choose from, in the order of the taxonomy.
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
