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
use chat_client::FinishReason;
use iopo_files::Owner;
use trace_score::{Parted, ReasoningCounts, ReasoningMode};

use crate::answer_row::{AnswerRow, WITHOUT_END, note_reasoning};
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
    /// What became of the reasoning in answers.
    reasoning: ReasoningCounts,
}

/// An answer as its responder gave it.
struct Given {
    content: String,
    /// Reasoning beside the content.
    reasoning: Option<String>,
    finish_reason: FinishReason,
    /// The end of the prompt, where it is known: a template may open the reasoning there.
    opening: String,
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
    let provenance = provenance.with("reasoning", collected.reasoning)?;
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
    note_reasoning(&collected.reasoning);
    if let Some(reason) = &collected.stopped {
        note(format!("stopped: {reason}"));
    }
    Ok(if answered == prompts { Outcome::Done } else { Outcome::Incomplete })
}

impl Collected {
    fn new(args: &AnswerArgs) -> Self {
        Self { reasoning: ReasoningCounts::new(args.reasoning.into()), ..Self::default() }
    }

    /// Enters an answer, in the way in which its reasoning is to be taken.
    fn answered(&mut self, prompt: &Prompt, model: &str, given: Given) {
        let mode = self.reasoning.mode;
        let parted = mode.part_after(&given.opening, &given.content);
        self.reasoning.add(&parted);
        let Parted { answer, reasoning, is_open } = parted;
        let row = AnswerRow {
            reasoning: reasoning.or(given.reasoning).filter(|_| mode == ReasoningMode::Separate),
            finish_reason: given.finish_reason.told().map(str::to_owned),
            ..row(prompt, model)
        };
        self.failed += usize::from(is_open);
        self.rows.push(match is_open {
            true => AnswerRow { failed: Some(WITHOUT_END.to_owned()), ..row },
            false => AnswerRow { response: Some(answer), ..row },
        });
    }
}

/// The row of a prompt, without an answer.
fn row(prompt: &Prompt, model: &str) -> AnswerRow {
    AnswerRow {
        id: prompt.id.clone(),
        prompt: Some(prompt.user_message().to_owned()),
        response: None,
        model: Some(model.to_owned()),
        reasoning: None,
        finish_reason: None,
        failed: None,
    }
}
