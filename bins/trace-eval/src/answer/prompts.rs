//! Prompts in the layouts of the benchmarks.

use std::collections::HashSet;
use std::path::Path;

use anyhow::{Result, bail};
use chat_client::{Message, Role};
use serde::Deserialize;
use trace_schema::{EvalRow, JsonlReader, Record, RowError, UnknownLabels};
use trace_score::cfbench::{CfBenchItem, load_items};
use trace_score::complexbench::{self, ComplexBenchItem};
use trace_score::ifeval::read_prompts;

use crate::cli::Benchmark;

/// A conversation to answer.
#[derive(Debug)]
pub(super) struct Prompt {
    pub(super) id: String,
    pub(super) messages: Vec<Message>,
}

/// A row of `--benchmark prompts`.
#[derive(Debug, Deserialize)]
struct PromptRow {
    id: String,
    prompt: Option<String>,
    #[serde(default)]
    messages: Vec<Message>,
}

impl Record for PromptRow {
    fn id(&self) -> Option<&str> {
        Some(&self.id)
    }

    fn validate(&self, _: UnknownLabels) -> Result<(), RowError> {
        if self.id.trim().is_empty() {
            return Err(RowError::invalid("the id is empty"));
        }
        match self.prompt.is_none() && !self.messages.iter().any(|message| message.role == Role::User) {
            true => Err(RowError::invalid("messages has no message with the role \"user\"")),
            false => Ok(()),
        }
    }
}

impl Prompt {
    /// The text of the last user message.
    pub(super) fn user_message(&self) -> &str {
        let last = self.messages.iter().rev().find(|message| message.role == Role::User);
        last.map_or("", |message| message.content.as_str())
    }
}

/// Reads prompts and checks that their ids differ.
pub(super) fn read(benchmark: Benchmark, path: &Path) -> Result<Vec<Prompt>> {
    let prompts: Vec<Prompt> = match benchmark {
        Benchmark::Trace => {
            let rows = JsonlReader::<_, EvalRow>::open(path)?.unknown_labels(UnknownLabels::Keep);
            rows.map(|row| of_eval_row(&row?)).collect::<Result<_>>()?
        }
        Benchmark::Ifeval => {
            let prompt = |prompt: trace_score::ifeval::Prompt| Prompt {
                id: prompt.key.to_string(),
                messages: vec![Message::user(prompt.prompt)],
            };
            read_prompts(path)?.into_iter().map(prompt).collect()
        }
        Benchmark::Cfbench => {
            let prompt = |item: CfBenchItem| Prompt {
                id: item.id.to_string(),
                messages: vec![Message::user(item.prompt)],
            };
            load_items(path)?.into_iter().map(prompt).collect()
        }
        Benchmark::Complexbench => {
            let prompt = |item: ComplexBenchItem| Prompt {
                id: item.main_id.to_string(),
                messages: vec![Message::user(item.instruction)],
            };
            complexbench::load_items(path)?.into_iter().map(prompt).collect()
        }
        Benchmark::Prompts => {
            let rows = JsonlReader::<_, PromptRow>::open(path)?;
            rows.map(|row| row.map(of_prompt_row)).collect::<Result<_, _>>()?
        }
    };
    let mut seen = HashSet::new();
    if let Some(twice) = prompts.iter().find(|prompt| !seen.insert(prompt.id.as_str())) {
        bail!("{} has the id {:?} more than once", path.display(), twice.id);
    }
    match prompts.is_empty() {
        true => bail!("{} has no prompts", path.display()),
        false => Ok(prompts),
    }
}

fn of_prompt_row(row: PromptRow) -> Prompt {
    let messages = match row.prompt {
        Some(prompt) if row.messages.is_empty() => vec![Message::user(prompt)],
        _ => row.messages,
    };
    Prompt { id: row.id, messages }
}

fn of_eval_row(row: &EvalRow) -> Result<Prompt> {
    let message = |message: &trace_schema::EvalMessage| {
        let role = match message.role.as_str() {
            "system" => Role::System,
            "developer" => Role::Developer,
            "user" => Role::User,
            "assistant" => Role::Assistant,
            other => bail!("row {:?}: unknown role {other:?}", row.id),
        };
        Ok(Message::new(role, message.content.clone()))
    };
    Ok(Prompt { id: row.id.clone(), messages: row.messages.iter().map(message).collect::<Result<_>>()? })
}
