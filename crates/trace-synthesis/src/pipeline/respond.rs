//! Writing responses, and scoring them constraint by constraint.

use chat_client::Message;
use futures_util::future::join_all;
use minijinja::context;
use trace_schema::Instruction;
use trace_score::trace::{
    FULL_SCORE, JUDGE_SYSTEM_MESSAGE, Judgement, QueryReading, VotedJudgement, parse_judgement, vote,
};

use super::config::QuestionKind;
use super::context::{Asked, Context};
use super::error::StepError;
use super::prompts::{PromptKind, parts};
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

/// The conversation that the released judge client opens with every prompt.
pub(super) fn judge_messages(prompt: String) -> Vec<Message> {
    vec![Message::system(JUDGE_SYSTEM_MESSAGE), Message::user(prompt)]
}

/// Has a response scored from 0 to 10 under every constraint, by as many votes as configured.
///
/// # Source
///
/// IOPO (ACL 2025), Section 4.1, "Response Generation & Evaluation", and Appendix B.5.
pub(super) async fn judge_response(
    context: &mut Context,
    stage: Stage,
    instruction: &Instruction,
    response: &str,
    step: &str,
) -> Result<VotedJudgement, StepError> {
    context.enter(stage);
    let trace = context.prompts().trace();
    let messages = judge_messages(trace.judge_prompt(instruction, response, QueryReading::WholePrompt));
    let texts: Vec<&str> =
        instruction.constraints.iter().map(|constraint| constraint.text.as_str()).collect();
    let votes = context.shared.config.votes;
    let ballots = (1..=votes).map(|number| {
        let mut beside = context.beside();
        let asked = Asked {
            stage,
            kind: QuestionKind::Evaluation,
            step: format!("{step} vote {number}"),
            messages: messages.clone(),
            schema: None,
        };
        let texts = &texts;
        async move {
            let read = |answer: &str| parse_judgement(answer, texts).map_err(|error| error.to_string());
            let judgement = beside.ask(asked, read).await;
            (judgement, beside.log)
        }
    });
    let mut judgements: Vec<Judgement> = Vec::new();
    let mut failure = None;
    for (judgement, log) in join_all(ballots).await {
        context.log.absorb(log);
        match judgement {
            Ok(judgement) => judgements.push(judgement),
            Err(error) => failure = Some(graver(failure, error)),
        }
    }
    match failure {
        // Votes that were not asked for must not decide by their absence.
        Some(error) if !error.is_worth_another_attempt() => return Err(error),
        Some(error) if 2 * judgements.len() <= votes as usize => return Err(error),
        _ => {}
    }
    vote(&judgements, context.shared.config.vote_rule)
        .map_err(|error| StepError::reject(stage, Reason::UnreadableAnswer, error.to_string()))
}

/// Of several failures the one that counts: what leaves a row open, or ends the run, before what closes it.
fn graver(earlier: Option<StepError>, error: StepError) -> StepError {
    match earlier {
        Some(earlier) if !earlier.is_worth_another_attempt() => earlier,
        _ => error,
    }
}

/// Which constraints have less than the full score, in words.
pub(super) fn missed(judgement: &Judgement, instruction: &Instruction) -> String {
    let scored = judgement.scores.iter().zip(&instruction.constraints);
    let missed: Vec<String> = scored
        .filter(|(score, _)| **score < FULL_SCORE)
        .map(|(score, constraint)| format!("{score}: {}", constraint.text))
        .collect();
    missed.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vote_that_was_not_asked_for_is_not_forgotten_for_a_later_one_that_cannot_be_read() {
        let failed = |reason| StepError::reject(Stage::Evaluation, reason, "");
        for reasons in [
            [Reason::NoAnswer, Reason::UnreadableAnswer],
            [Reason::UnreadableAnswer, Reason::NoAnswer],
            [Reason::UnreadableAnswer, Reason::NotAsked],
        ] {
            let [first, second] = reasons.map(failed);
            assert!(!graver(Some(graver(None, first)), second).is_worth_another_attempt(), "{reasons:?}");
        }
        let unreadable = || failed(Reason::UnreadableAnswer);
        assert!(graver(Some(unreadable()), unreadable()).is_worth_another_attempt());
    }
}
