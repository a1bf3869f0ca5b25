//! Files of prompts: IFEval's, and evaluation rows of the verifiable world.

use std::collections::BTreeSet;
use std::path::Path;

use iopo_answer::Respondent;
use iopo_data::{Message, Role};
use serde_json::Value;
use trace_schema::{EvalRow, JsonlReader, UnknownLabels};
use trace_score::ifeval;
use trace_world::Task;

use super::error::EvalPromptsError;

/// A prompt with the rule that checks its answers.
#[derive(Debug, Clone)]
pub(crate) struct VerifiedPrompt {
    /// The row's id, unique among those of its format.
    pub(crate) id: String,
    /// The text of the last user message.
    pub(crate) text: String,
    /// What the model continues.
    pub(crate) tokens: Vec<u32>,
    pub(crate) rule: Rule,
}

/// What checks answers.
#[derive(Debug, Clone)]
pub(crate) enum Rule {
    /// IFEval's instructions.
    Ifeval(ifeval::Prompt),
    /// A task of the verifiable world.
    World(Task),
}

/// A row before the template renders it.
struct Row {
    id: String,
    messages: Vec<Message>,
    rule: Rule,
}

/// The rows of a file; `seen` has the ids of those before.
pub(super) fn read(
    path: &Path,
    respondent: &Respondent,
    seen: &mut BTreeSet<String>,
) -> Result<Vec<VerifiedPrompt>, EvalPromptsError> {
    let (format, rows) = match first_row(path)? {
        row if row.get("instruction_id_list").is_some() => ("ifeval", ifeval_rows(path)?),
        row if row.get("world").is_some() => ("world", world_rows(path)?),
        _ => return Err(EvalPromptsError::UnknownFormat),
    };
    let encode = |row: Row| {
        let Row { id, messages, rule } = row;
        if !seen.insert(format!("{format} {id}")) {
            return Err(EvalPromptsError::DuplicateId { id });
        }
        let tokens = respondent
            .prompt(&messages)
            .map_err(|source| EvalPromptsError::Prompt { id: id.clone(), source: Box::new(source) })?;
        let last = messages.into_iter().rev().find(|message| message.role == Role::User);
        Ok(VerifiedPrompt { id, text: last.map(|message| message.content).unwrap_or_default(), tokens, rule })
    };
    rows.into_iter().map(encode).collect()
}

fn first_row(path: &Path) -> Result<Value, EvalPromptsError> {
    let first = JsonlReader::<_, Value>::open(path)?.next();
    Ok(first.ok_or(EvalPromptsError::Empty)??)
}

fn ifeval_rows(path: &Path) -> Result<Vec<Row>, EvalPromptsError> {
    let row = |prompt: ifeval::Prompt| Row {
        id: prompt.key.to_string(),
        messages: vec![Message::user(prompt.prompt.clone())],
        rule: Rule::Ifeval(prompt),
    };
    Ok(ifeval::read_prompts(path)?.into_iter().map(row).collect())
}

fn world_rows(path: &Path) -> Result<Vec<Row>, EvalPromptsError> {
    let rows = JsonlReader::<_, EvalRow>::open(path)?.unknown_labels(UnknownLabels::Keep);
    let read = |(index, row): (usize, Result<EvalRow, _>)| {
        let row = row?;
        let task =
            Task::from_eval_row(&row).map_err(|source| EvalPromptsError::World { row: index + 1, source })?;
        Ok(Row { messages: messages(&row)?, id: row.id, rule: Rule::World(task) })
    };
    rows.enumerate().map(read).collect()
}

fn messages(row: &EvalRow) -> Result<Vec<Message>, EvalPromptsError> {
    let message = |message: &trace_schema::EvalMessage| {
        let role = match message.role.as_str() {
            "system" => Role::System,
            "user" => Role::User,
            "assistant" => Role::Assistant,
            role => return Err(EvalPromptsError::Role { id: row.id.clone(), role: role.to_owned() }),
        };
        Ok(Message { role, content: message.content.clone() })
    };
    row.messages.iter().map(message).collect()
}
