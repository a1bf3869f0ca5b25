//! Prompts in the layouts of the benchmarks.

use std::collections::HashSet;
use std::path::Path;

use anyhow::{Result, bail};
use chat_client::{Message, Role};
use iopo_cli::note;
use serde::Deserialize;
use serde_json::{Map, Value};
use trace_schema::{
    EvalRow, JsonlReader, Purpose, Record, RowError, RowLocation, UnknownLabels, UnusedKeys, excerpt,
    unread_keys, values,
};
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
    #[serde(deserialize_with = "values::id")]
    id: String,
    prompt: Option<String>,
    system: Option<String>,
    #[serde(default, deserialize_with = "values::or_default")]
    messages: Vec<MessageRow>,
    #[serde(flatten)]
    other: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
struct MessageRow {
    role: Role,
    content: String,
    #[serde(flatten)]
    other: Map<String, Value>,
}

impl Record for PromptRow {
    fn id(&self) -> Option<&str> {
        Some(&self.id)
    }

    fn validate(&self, _: UnknownLabels) -> Result<(), RowError> {
        if self.id.trim().is_empty() {
            return Err(RowError::invalid("the id is empty"));
        }
        self.check_messages().map_err(RowError::invalid)?;
        self.unused().map(drop).map_err(RowError::invalid)
    }
}

impl PromptRow {
    fn check_messages(&self) -> Result<(), &'static str> {
        let last = self.messages.iter().rev().find(|message| message.role == Role::User);
        let has_system = self.messages.iter().any(|message| message.role == Role::System);
        match (&self.prompt, last) {
            (None, None) => Err("messages has no message with the role \"user\""),
            (Some(prompt), _) if prompt.trim().is_empty() => Err("prompt is empty"),
            (_, Some(last)) if last.content.trim().is_empty() => Err("the last message of the user is empty"),
            (Some(prompt), Some(last)) if *prompt != last.content => {
                Err("prompt is not the last message of the user in messages; leave one out")
            }
            (Some(_), None) if !self.messages.is_empty() => {
                Err("messages has no message with the role \"user\"")
            }
            _ if self.system.is_some() && has_system => {
                Err("system is beside a system message; leave one out")
            }
            _ => Ok(()),
        }
    }

    /// The keys that are not used.
    fn unused(&self) -> Result<Vec<String>, String> {
        let mut unused: Vec<String> =
            unread_keys(&self.other, |_| false, Purpose::Prompts)?.into_iter().map(str::to_owned).collect();
        for message in &self.messages {
            let keys = unread_keys(&message.other, |_| false, Purpose::Prompts)?;
            unused.extend(keys.into_iter().map(|key| format!("messages[].{}", excerpt(key))));
        }
        unused.sort_unstable();
        unused.dedup();
        Ok(unused)
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
            let (prompts, unused) = prompt_rows(path)?;
            unused.lines().iter().for_each(|line| note(format!("note: {line}")));
            prompts
        }
    };
    let mut seen = HashSet::new();
    if let Some(twice) = prompts.iter().find(|prompt| !seen.insert(prompt.id.as_str())) {
        bail!("{} has the id {:?} more than once", path.display(), excerpt(&twice.id));
    }
    match prompts.is_empty() {
        true => bail!("{} has no prompts", path.display()),
        false => Ok(prompts),
    }
}

/// The prompts of a file, and the keys of its rows that are not used.
fn prompt_rows(path: &Path) -> Result<(Vec<Prompt>, UnusedKeys)> {
    let mut rows = JsonlReader::<_, PromptRow>::open(path)?;
    let (mut prompts, mut unused) = (Vec::new(), UnusedKeys::default());
    while let Some(row) = rows.next() {
        let row = row?;
        let at = RowLocation { file: path.display().to_string(), row: rows.row(), id: Some(row.id.clone()) };
        row.unused().unwrap_or_default().iter().for_each(|key| unused.add(key, &at));
        prompts.push(of_prompt_row(row));
    }
    Ok((prompts, unused))
}

fn of_prompt_row(row: PromptRow) -> Prompt {
    let turns = match row.prompt {
        Some(prompt) if row.messages.is_empty() => vec![Message::user(prompt)],
        _ => row.messages.into_iter().map(|message| Message::new(message.role, message.content)).collect(),
    };
    let system = row.system.filter(|text| !text.is_empty()).map(|text| Message::new(Role::System, text));
    Prompt { id: row.id, messages: system.into_iter().chain(turns).collect() }
}

fn of_eval_row(row: &EvalRow) -> Result<Prompt> {
    let message = |message: &trace_schema::EvalMessage| {
        let role = match message.role.as_str() {
            "system" => Role::System,
            "developer" => Role::Developer,
            "user" => Role::User,
            "assistant" => Role::Assistant,
            other => bail!("row {:?}: unknown role {:?}", excerpt(&row.id), excerpt(other)),
        };
        Ok(Message::new(role, message.content.clone()))
    };
    Ok(Prompt { id: row.id.clone(), messages: row.messages.iter().map(message).collect::<Result<_>>()? })
}
