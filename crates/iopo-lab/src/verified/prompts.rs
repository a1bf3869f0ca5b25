//! Files of prompts: IFEval's, and evaluation rows of the verifiable world.

use std::collections::BTreeSet;
use std::path::Path;

use iopo_answer::Respondent;
use iopo_data::{Message, Role};
use iopo_train::EvaluatorError;
use serde_json::Value;
use trace_schema::{EvalRow, JsonlReader, UnknownLabels, excerpt};
use trace_score::ifeval;
use trace_world::Task;

/// A prompt with the rule that checks its answers.
#[derive(Debug, Clone)]
pub(super) struct VerifiedPrompt {
    /// The row's id, unique among those of its format.
    pub(super) id: String,
    /// The text of the last user message.
    pub(super) text: String,
    /// The tokens that the model continues.
    pub(super) tokens: Vec<u32>,
    pub(super) rule: Rule,
    /// The rule as text, for a hash.
    pub(super) identity: String,
}

/// The checker of answers.
#[derive(Debug, Clone)]
pub(super) enum Rule {
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
    identity: String,
}

/// The rows of a file; `seen` has the ids of those before.
pub(super) fn read(
    path: &Path,
    respondent: &Respondent,
    seen: &mut BTreeSet<String>,
) -> Result<Vec<VerifiedPrompt>, EvaluatorError> {
    let (format, rows) = match first_row(path)? {
        row if row.get("instruction_id_list").is_some() => ("ifeval", ifeval_rows(path)?),
        row if row.get("world").is_some() => ("world", world_rows(path)?),
        _ => {
            let reason = "its first row has neither `instruction_id_list`, as the prompts of IFEval have, nor `world`, \
                          as evaluation rows of the verifiable world have";
            return Err(reason.into());
        }
    };
    let encode = |row: Row| {
        let Row { id, messages, rule, identity } = row;
        if !seen.insert(format!("{format} {id}")) {
            return Err(format!("another row has the id {:?} too", excerpt(&id)).into());
        }
        let tokens = respondent
            .prompt(&messages)
            .map_err(|error| format!("row {:?} makes no prompt: {error}", excerpt(&id)))?;
        let last = messages.into_iter().rev().find(|message| message.role == Role::User);
        let text = last.map(|message| message.content).unwrap_or_default();
        Ok(VerifiedPrompt { id, text, tokens, rule, identity })
    };
    rows.into_iter().map(encode).collect()
}

fn first_row(path: &Path) -> Result<Value, EvaluatorError> {
    let first = JsonlReader::<_, Value>::open(path)?.next();
    Ok(first.ok_or("it has no rows")??)
}

fn ifeval_rows(path: &Path) -> Result<Vec<Row>, EvaluatorError> {
    let prompts = ifeval::read_prompts(path)?;
    let written = JsonlReader::<_, Value>::open(path)?.collect::<Result<Vec<_>, _>>()?;
    let row = |(prompt, row): (ifeval::Prompt, Value)| Row {
        id: prompt.key.to_string(),
        messages: vec![Message::user(prompt.prompt.clone())],
        rule: Rule::Ifeval(prompt),
        identity: format!("{} {}", row["instruction_id_list"], row["kwargs"]),
    };
    Ok(prompts.into_iter().zip(written).map(row).collect())
}

fn world_rows(path: &Path) -> Result<Vec<Row>, EvaluatorError> {
    let mut rows = JsonlReader::<_, EvalRow>::open(path)?.unknown_labels(UnknownLabels::Keep);
    let mut read = Vec::new();
    while let Some(row) = rows.next() {
        let row = row?;
        let task = Task::from_eval_row(&row).map_err(|error| format!("row {}: {error}", rows.row()))?;
        let identity = serde_json::to_string(&task)?;
        read.push(Row { messages: messages(&row)?, id: row.id, rule: Rule::World(task), identity });
    }
    Ok(read)
}

fn messages(row: &EvalRow) -> Result<Vec<Message>, EvaluatorError> {
    let message = |message: &trace_schema::EvalMessage| {
        let role = match message.role.as_str() {
            "system" => Role::System,
            "user" => Role::User,
            "assistant" => Role::Assistant,
            role => {
                let (id, role) = (excerpt(&row.id), excerpt(role));
                return Err(format!(
                    "row {id:?}: no template knows the role {role:?}; known: system, user, assistant"
                )
                .into());
            }
        };
        Ok(Message { role, content: message.content.clone() })
    };
    row.messages.iter().map(message).collect()
}
