//! Answers from an endpoint.

use anyhow::{Context, Result};
use chat_client::{Answer, AskError, ChatResponse, Question, with_causes};

use super::prompts::Prompt;
use super::{Collected, Given, row};
use crate::answer_row::AnswerRow;
use crate::asking::{Asker, Changes, Endpoint, is_fatal, journal_path, request};
use crate::cli::AnswerArgs;
use crate::provenance::Provenance;

/// Asks every question that the journal has no answer to.
///
/// Settings that are absent from the provenance were the endpoint's own.
pub(super) fn answer(
    args: &AnswerArgs,
    prompts: &[Prompt],
    provenance: Provenance,
) -> Result<(Collected, Provenance)> {
    // clap asks for both.
    let url = args.endpoint.as_deref().context("--endpoint is missing")?;
    let model = args.model.as_deref().context("--model is missing")?;
    let question = |prompt: &Prompt| {
        Question::new(format!("answer {}", prompt.id), request(&args.ask, prompt.messages.clone()))
    };
    if let Some(first) = prompts.first() {
        question(first).request.body(model).context("these questions cannot be asked")?;
    }
    let endpoint = Endpoint { url, model, api_key_env: args.api_key_env.as_deref() };
    let asker = Asker::open(endpoint, &args.ask, &journal_path(&args.ask, &args.out))?;
    let (mut collected, mut changes) = (Collected::new(args), Changes::default());
    for (prompt, answered) in prompts.iter().zip(asker.ask(prompts.iter().map(question))) {
        if let Ok(answer) = &answered.outcome {
            asker.tell(&mut changes, &answer.changes);
        }
        collected.take(prompt, model, answered.outcome)?;
    }
    let spent = asker.finish(&args.ask);
    let provenance = provenance
        .with("model", model)?
        .with("endpoint", url)?
        .with("temperature", args.ask.temperature)?
        .with("top_p", args.ask.top_p)?
        .with("max_tokens", args.ask.max_tokens)?
        .with("seed", args.ask.seed)?
        .with("sent_otherwise", changes.some())?
        .with("spent", spent)?;
    Ok((collected, provenance))
}

impl Collected {
    /// Enters what became of a prompt. One that was not asked gets no row.
    fn take(&mut self, prompt: &Prompt, model: &str, outcome: Result<Answer, AskError>) -> Result<()> {
        match outcome {
            Ok(answer) => {
                let ChatResponse { content, reasoning, finish_reason, .. } = answer.response;
                self.answered(
                    prompt,
                    model,
                    Given { content, reasoning, finish_reason, opening: String::new() },
                );
            }
            Err(error) if is_fatal(&error) => return Err(error.into()),
            Err(error) if error.is_unasked() => {
                self.unasked += 1;
                self.stopped.get_or_insert_with(|| with_causes(&error));
            }
            Err(error) => {
                self.failed += 1;
                self.rows.push(AnswerRow { failed: Some(with_causes(&error)), ..row(prompt, model) });
            }
        }
        Ok(())
    }
}
