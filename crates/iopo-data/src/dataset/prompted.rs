//! Rows of prompt and responses as TRL has them, as plain text or as messages.

use serde_json::Value;
use trace_schema::{Message, says_nothing};

use super::dialogue::Dialogue;
use super::fields::{self, Row, Unused};
use super::message::MessageKeys;
use crate::example::ExampleText;

/// The column of the system text, in rows whose prompt does not begin with one.
const SYSTEM: Option<&str> = Some("system");

/// A prompt with `chosen` and `rejected`, or with `completion`.
pub(super) fn read(row: &Row, unused: &mut Unused) -> Result<Vec<ExampleText>, String> {
    let keys = MessageKeys::new("role", "content");
    if is_completion(row) {
        let response = keys.response(row, "completion", unused)?;
        return Ok(vec![ExampleText::Completion { prompt: prompt(row, &keys, unused)?, response }]);
    }
    if is_whole(row) {
        check_repeats_prompt(row)?;
        return Ok(vec![read_implicit_prompt(row, &keys, unused)?]);
    }
    let chosen = keys.response(row, "chosen", unused)?;
    let rejected = keys.response(row, "rejected", unused)?;
    fields::check_differ(("chosen", &chosen), ("rejected", &rejected))?;
    Ok(vec![ExampleText::Pair { prompt: prompt(row, &keys, unused)?, chosen, rejected }])
}

pub(super) fn reads(row: &Row, key: &str) -> bool {
    match key {
        "prompt" => is_completion(row) || !is_whole(row) || repeats_prompt(row),
        "completion" => is_completion(row),
        "chosen" | "rejected" => !is_completion(row),
        _ => SYSTEM == Some(key),
    }
}

/// Whether the row has a completion and no two responses, which would say more.
fn is_completion(row: &Row) -> bool {
    let has = |key: &str| row.get(key).is_some_and(|value| !says_nothing(value));
    row.contains_key("completion") && !(has("chosen") && has("rejected"))
}

/// Whether `chosen` and `rejected` are whole conversations.
fn is_whole(row: &Row) -> bool {
    is_long(row) || !row.contains_key("prompt")
}

/// Whether `chosen` has more than an answer.
pub(super) fn is_long(row: &Row) -> bool {
    row.get("chosen").and_then(Value::as_array).is_some_and(|messages| messages.len() > 1)
}

/// Messages of a prompt that stand before those of `chosen` in one program and are not read in another mean two things.
fn check_repeats_prompt(row: &Row) -> Result<(), String> {
    match row.get("prompt") {
        Some(Value::Array(prompt)) if !prompt.is_empty() && !repeats_prompt(row) => {
            Err("\"chosen\" has more than one message, and does not begin with those of \"prompt\""
                .to_owned())
        }
        _ => Ok(()),
    }
}

/// Whether the prompt stands once more at the head of both conversations.
fn repeats_prompt(row: &Row) -> bool {
    let Some(conversation) = row.get("chosen").and_then(Value::as_array) else { return false };
    match row.get("prompt") {
        Some(Value::Array(prompt)) => conversation.starts_with(prompt),
        Some(prompt) => conversation.iter().any(|message| message.get("content") == Some(prompt)),
        None => false,
    }
}

fn prompt(row: &Row, keys: &MessageKeys, unused: &mut Unused) -> Result<Vec<Message>, String> {
    match fields::required(row, "prompt")? {
        Value::String(text) => {
            let system = fields::optional_text(row, SYSTEM)?.map(Message::system);
            Ok(system.into_iter().chain([fields::question(text.clone(), "prompt")?]).collect())
        }
        _ => Dialogue::read(row, "prompt", SYSTEM, keys, unused)?.into_prompt(),
    }
}

/// `chosen` and `rejected` are whole conversations: all but the last message is the prompt.
fn read_implicit_prompt(row: &Row, keys: &MessageKeys, unused: &mut Unused) -> Result<ExampleText, String> {
    let mut conversation = |field| -> Result<(Vec<Message>, String), String> {
        if fields::required(row, field)?.is_string() {
            // A plain text does not show where its prompt ends.
            return Err(fields::missing("prompt"));
        }
        let mut dialogue = Dialogue::read(row, field, SYSTEM, keys, unused)?;
        match dialogue.pop_response()? {
            Some(response) if !dialogue.turns.is_empty() => Ok((dialogue.into_prompt()?, response)),
            _ => Err(fields::missing("prompt")),
        }
    };
    let (prompt, chosen) = conversation("chosen")?;
    let (other, rejected) = conversation("rejected")?;
    if prompt != other {
        return Err("\"rejected\" has to repeat the messages of \"chosen\" up to the last".to_owned());
    }
    fields::check_differ(("chosen", &chosen), ("rejected", &rejected))?;
    Ok(ExampleText::Pair { prompt, chosen, rejected })
}
