//! `trace-eval answer`: a model's answers to a file of prompts.

mod prompts;

use anyhow::{Context, Result};
use chat_client::{Answer, AskError, Question};

use crate::answer_row::AnswerRow;
use crate::asking::{Asker, Endpoint, is_fatal, journal_path, request, told};
use crate::cli::AnswerArgs;
use crate::console::{note, print};
use crate::files::write_rows;
use crate::outcome::Outcome;
use prompts::Prompt;

/// What became of all prompts.
#[derive(Debug, Default)]
struct Collected {
    rows: Vec<AnswerRow>,
    failed: usize,
    unasked: usize,
    /// Why the first question was not asked, if one was not.
    stopped: Option<String>,
}

/// Asks, writes and prints.
pub(crate) fn run(args: &AnswerArgs) -> Result<Outcome> {
    let prompts = prompts::read(args.benchmark, &args.file)?;
    let question = |prompt: &Prompt| {
        Question::new(format!("answer {}", prompt.id), request(&args.ask, prompt.messages.clone()))
    };
    if let Some(first) = prompts.first() {
        question(first).request.body(&args.model).context("these questions cannot be asked")?;
    }
    let endpoint =
        Endpoint { url: &args.endpoint, model: &args.model, api_key_env: args.api_key_env.as_deref() };
    let asker = Asker::open(endpoint, &args.ask, &journal_path(&args.ask, &args.out))?;
    let mut collected = Collected::default();
    for (prompt, answered) in prompts.iter().zip(asker.ask(prompts.iter().map(question))) {
        collected.take(prompt, &args.model, answered.outcome)?;
    }
    asker.finish(&args.ask);
    write_rows(&args.out, &collected.rows)?;
    let answered = collected.rows.len() - collected.failed;
    print(&format!(
        "{}: {answered} of {} prompts answered, {} failed, {} not asked\n",
        args.out.display(),
        prompts.len(),
        collected.failed,
        collected.unasked
    ))?;
    if let Some(reason) = &collected.stopped {
        note(&format!("stopped: {reason}"));
    }
    Ok(if answered == prompts.len() { Outcome::Done } else { Outcome::Incomplete })
}

impl Collected {
    /// Enters what became of a prompt. One that was not asked gets no row.
    fn take(&mut self, prompt: &Prompt, model: &str, outcome: Result<Answer, AskError>) -> Result<()> {
        let (response, finish_reason, failed) = match outcome {
            Ok(answer) => {
                let reason = answer.response.finish_reason.name().to_owned();
                (Some(answer.response.content), Some(reason), None)
            }
            Err(error) if is_fatal(&error) => return Err(error.into()),
            Err(error) if error.is_unasked() => {
                self.unasked += 1;
                self.stopped.get_or_insert_with(|| told(&error));
                return Ok(());
            }
            Err(error) => {
                self.failed += 1;
                (None, None, Some(told(&error)))
            }
        };
        self.rows.push(AnswerRow {
            id: prompt.id.clone(),
            prompt: Some(prompt.user_message().to_owned()),
            response,
            model: Some(model.to_owned()),
            finish_reason,
            failed,
        });
        Ok(())
    }
}
