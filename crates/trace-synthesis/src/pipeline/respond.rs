//! Responses: those that satisfy their instruction, and worse ones.

use minijinja::context;
use trace_schema::Instruction;

use super::context::{Asked, Context};
use super::fault::StepError;
use super::judge::{judge_response, missed};
use super::prompt_kind::{PromptKind, parts};
use super::question_kind::QuestionKind;
use super::stage::{Reason, Stage};

/// A response, and how many were written until it passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Written {
    pub text: String,
    pub attempts: u32,
}

/// The stages of a response: where it is written, and where it is judged.
#[derive(Debug, Clone, Copy)]
pub(super) struct ResponseStages {
    pub write: Stage,
    pub judge: Stage,
}

/// Writes responses until one has the full score under every constraint.
///
/// # Source
///
/// IOPO (ACL 2025), Section 4.1, "Response Generation & Evaluation"; Appendix D, Steps 2 and 3.
pub(super) async fn write_response(
    context: &mut Context,
    instruction: &Instruction,
    stages: ResponseStages,
    step: &str,
) -> Result<Written, StepError> {
    let last = context.shared.config.attempts.response;
    let mut attempts = 1;
    loop {
        match attempt_response(context, instruction, stages, &format!("{step}{attempts}")).await {
            Ok(text) => return Ok(Written { text, attempts }),
            Err(error) if attempts < last && error.is_worth_another_attempt() => attempts += 1,
            Err(error) => return Err(error),
        }
    }
}

async fn attempt_response(
    context: &mut Context,
    instruction: &Instruction,
    stages: ResponseStages,
    step: &str,
) -> Result<String, StepError> {
    let asked = Asked {
        stage: stages.write,
        kind: QuestionKind::Response,
        step: step.to_owned(),
        messages: context.render(PromptKind::Response, parts(instruction))?,
        schema: None,
    };
    let text = context.ask_for_text(asked).await?;
    let judgement = judge_response(context, stages.judge, instruction, &text, step).await?.judgement;
    match judgement.follows_all() {
        true => Ok(text),
        false => Err(StepError::reject(stages.judge, Reason::LowScore, missed(&judgement, instruction))),
    }
}

/// Writes a response that is worse than `response`.
///
/// # Source
///
/// IOPO (ACL 2025), Appendix C and Figure 6. That the judge must find it worse is ours.
pub(super) async fn worsen_response(
    context: &mut Context,
    instruction: &Instruction,
    response: &str,
) -> Result<Written, StepError> {
    let last = context.shared.config.attempts.worse_response;
    let mut attempts = 1;
    loop {
        match attempt_worse(context, instruction, response, &attempts.to_string()).await {
            Ok(text) => return Ok(Written { text, attempts }),
            Err(error) if attempts < last && error.is_worth_another_attempt() => attempts += 1,
            Err(error) => return Err(error),
        }
    }
}

async fn attempt_worse(
    context: &mut Context,
    instruction: &Instruction,
    response: &str,
    step: &str,
) -> Result<String, StepError> {
    const STAGE: Stage = Stage::WorseResponse;
    let values = context! { response => response, ..parts(instruction) };
    let asked = Asked {
        stage: STAGE,
        kind: QuestionKind::WorseResponse,
        step: step.to_owned(),
        messages: context.render(PromptKind::WorseResponse, values)?,
        schema: None,
    };
    let worse = context.ask_for_text(asked).await?;
    if worse == response {
        return Err(StepError::reject(STAGE, Reason::SameResponse, ""));
    }
    if context.shared.config.checks.worse_is_worse
        && judge_response(context, STAGE, instruction, &worse, step).await?.judgement.follows_all()
    {
        return Err(StepError::reject(STAGE, Reason::NotWorse, ""));
    }
    Ok(worse)
}
