//! Rows of prompt and responses as TRL has them, as plain text or as messages.

use serde_json::Value;
use trace_schema::Message;

use super::fields::{self, MessageKeys, Row};
use crate::example::ExampleText;

/// A prompt with `chosen` and `rejected`, or with `completion`.
pub(super) fn read(row: &Row) -> Result<Vec<ExampleText>, String> {
    let keys = MessageKeys::new("role", "content");
    let response = |field: &str| fields::response(row, field, &keys);
    // Some files repeat the prompt: as text, and at the head of both conversations.
    let whole = row.get("chosen").and_then(Value::as_array).is_some_and(|messages| messages.len() > 1);
    let text = if whole || !row.contains_key("prompt") {
        read_implicit_prompt(row, &keys)?
    } else if row.contains_key("completion") {
        ExampleText::Completion { prompt: prompt(row, &keys)?, response: response("completion")? }
    } else {
        ExampleText::Pair {
            prompt: prompt(row, &keys)?,
            chosen: response("chosen")?,
            rejected: response("rejected")?,
        }
    };
    Ok(vec![text])
}

fn prompt(row: &Row, keys: &MessageKeys) -> Result<Vec<Message>, String> {
    match fields::required(row, "prompt")? {
        Value::String(text) if text.trim().is_empty() => Err(fields::empty_prompt("prompt")),
        Value::String(text) => Ok(vec![Message::user(text)]),
        list => fields::messages(list, "prompt", keys),
    }
}

/// `chosen` and `rejected` are whole conversations: all but the last message is the prompt.
fn read_implicit_prompt(row: &Row, keys: &MessageKeys) -> Result<ExampleText, String> {
    let conversation = |field: &str| -> Result<(Vec<Message>, String), String> {
        let value = fields::required(row, field)?;
        if value.is_string() {
            // A plain text does not show where its prompt ends.
            return Err(fields::missing("prompt"));
        }
        let mut messages = fields::messages(value, field, keys)?;
        let last = messages.pop().map(|message| message.content).unwrap_or_default();
        Ok((messages, fields::check_response(last, field)?))
    };
    let (prompt, chosen) = conversation("chosen")?;
    let (other, rejected) = conversation("rejected")?;
    if prompt.is_empty() {
        return Err(fields::missing("prompt"));
    }
    if prompt != other {
        return Err("\"rejected\" has to repeat the messages of \"chosen\" up to the last".to_owned());
    }
    Ok(ExampleText::Pair { prompt, chosen, rejected })
}
