//! Scoring responses, constraint by constraint.

use chat_client::Message;
use futures_util::future::join_all;
use trace_schema::Instruction;
use trace_score::trace::{
    FULL_SCORE, JUDGE_SYSTEM_MESSAGE, Judgement, QueryReading, VotedJudgement, parse_judgement, vote,
};

use super::context::{Asked, Context};
use super::fault::StepError;
use super::question_kind::QuestionKind;
use super::stage::{Reason, Stage};

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
