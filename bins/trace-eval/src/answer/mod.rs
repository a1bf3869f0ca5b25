//! `trace-eval answer`: a model's answers to a file of prompts.

mod endpoint;
#[cfg(feature = "local")]
mod local;
#[cfg(not(feature = "local"))]
#[path = "local_absent.rs"]
mod local;
mod prompts;

use anyhow::Result;

use crate::answer_row::AnswerRow;
use crate::cli::AnswerArgs;
use crate::files::{write_json, write_rows};
use crate::provenance::Provenance;
use iopo_cli::Outcome;
use iopo_cli::{note, print};
use prompts::Prompt;

/// The outcome of all prompts.
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
    let provenance = Provenance::new().file("prompts", &args.file)?;
    let (collected, provenance) = match &args.local.model_dir {
        Some(dir) => local::answer(args, dir, &prompts, provenance)?,
        None => endpoint::answer(args, &prompts, provenance)?,
    };
    finish(args, prompts.len(), &collected, &provenance)
}

fn finish(
    args: &AnswerArgs,
    prompts: usize,
    collected: &Collected,
    provenance: &Provenance,
) -> Result<Outcome> {
    write_rows(&args.out, &collected.rows)?;
    // `answers.jsonl` has `answers.provenance.json`.
    write_json(&args.out.with_extension("provenance.json"), provenance)?;
    let answered = collected.rows.len() - collected.failed;
    print(format!(
        "{}: {answered} of {prompts} prompts answered, {} failed, {} not asked\n",
        args.out.display(),
        collected.failed,
        collected.unasked
    ))?;
    let is_cut = |row: &&AnswerRow| row.finish_reason.as_deref() == Some("length");
    match collected.rows.iter().filter(is_cut).count() {
        0 => {}
        cut => note(format!("{cut} answers were cut off at the most tokens; --max-tokens allows more")),
    }
    if let Some(reason) = &collected.stopped {
        note(format!("stopped: {reason}"));
    }
    Ok(if answered == prompts { Outcome::Done } else { Outcome::Incomplete })
}

impl Collected {
    /// Enters an answer, or why there is none.
    fn push(
        &mut self,
        prompt: &Prompt,
        model: &str,
        response: Option<String>,
        finish_reason: Option<String>,
        failed: Option<String>,
    ) {
        self.rows.push(AnswerRow {
            id: prompt.id.clone(),
            prompt: Some(prompt.user_message().to_owned()),
            response,
            model: Some(model.to_owned()),
            finish_reason,
            failed,
        });
    }
}
