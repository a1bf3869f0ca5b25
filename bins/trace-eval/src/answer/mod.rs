//! `trace-eval answer`: a model's answers to a file of prompts.

mod endpoint;
#[cfg(feature = "local")]
mod local;
#[cfg(not(feature = "local"))]
#[path = "local_absent.rs"]
mod local;
mod prompts;

use std::path::PathBuf;

use anyhow::Result;
use iopo_files::Owner;

use crate::answer_row::AnswerRow;
use crate::asking::journal_path;
use crate::cli::AnswerArgs;
use crate::files::{write_json, write_rows};
use crate::provenance::Provenance;
use iopo_cli::Outcome;
use iopo_cli::{note, print};
use prompts::Prompt;

const OWNER: Owner = Owner::new("trace-eval answer");

/// The outcome of all prompts.
#[derive(Debug, Default)]
struct Collected {
    rows: Vec<AnswerRow>,
    failed: usize,
    unasked: usize,
    /// Why the first question was not asked, if one was not.
    stopped: Option<String>,
}

/// `answers.jsonl` has `answers.provenance.json`.
fn provenance_path(args: &AnswerArgs) -> PathBuf {
    args.out.with_extension("provenance.json")
}

/// Asks, writes and prints.
pub(crate) fn run(args: &AnswerArgs) -> Result<Outcome> {
    OWNER.claim([&args.out, &provenance_path(args)], [&args.file, &journal_path(&args.ask, &args.out)])?;
    // A folder that is missing should not cost the answers.
    drop(OWNER.create(&args.out)?);
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
    let answered = collected.rows.len() - collected.failed;
    // Answers of an earlier run are worth more than none.
    let stays = answered == 0 && args.out.exists();
    if !stays {
        write_rows(OWNER, &args.out, &collected.rows)?;
        write_json(OWNER, &provenance_path(args), provenance)?;
    }
    print(format!(
        "{}: {answered} of {prompts} prompts answered, {} failed, {} not asked\n",
        args.out.display(),
        collected.failed,
        collected.unasked
    ))?;
    if stays {
        note(format!("nothing was answered; {} stays as it was", args.out.display()));
    }
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
