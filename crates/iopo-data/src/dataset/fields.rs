//! Reading values out of a row, with errors that name the field.

use serde_json::{Map, Value};
use trace_schema::{Message, Role};

pub(super) type Row = Map<String, Value>;

/// The keys of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MessageKeys {
    pub(super) role: String,
    pub(super) content: String,
    /// Names of user, assistant and system beside the usual ones.
    pub(super) names: [String; 3],
}

impl MessageKeys {
    pub(super) fn new(role: &str, content: &str) -> Self {
        Self { role: role.to_owned(), content: content.to_owned(), names: Default::default() }
    }

    /// The keys that a list of messages uses: `role` and `content`, or `from` and `value`.
    pub(super) fn of(messages: &Value) -> Self {
        match messages.get(0).is_some_and(|first| first.get("from").is_some()) {
            true => Self::new("from", "value"),
            false => Self::new("role", "content"),
        }
    }

    fn role_named(&self, name: &str) -> Option<Role> {
        let [user, assistant, system] = &self.names;
        match name {
            _ if name == user => Some(Role::User),
            _ if name == assistant => Some(Role::Assistant),
            _ if name == system => Some(Role::System),
            "user" | "human" => Some(Role::User),
            "assistant" | "gpt" => Some(Role::Assistant),
            "system" => Some(Role::System),
            _ => None,
        }
    }
}

pub(super) fn as_row(value: Value) -> Result<Row, String> {
    match value {
        Value::Object(row) => Ok(row),
        other => Err(format!("the row is {}, not an object", type_name(&other))),
    }
}

pub(super) fn required<'a>(row: &'a Row, field: &str) -> Result<&'a Value, String> {
    row.get(field).ok_or_else(|| missing(field))
}

pub(super) fn text<'a>(value: &'a Value, field: &str) -> Result<&'a str, String> {
    value.as_str().ok_or_else(|| wrong_type(value, field, "a string"))
}

pub(super) fn list<'a>(value: &'a Value, field: &str) -> Result<&'a [Value], String> {
    value.as_array().map(Vec::as_slice).ok_or_else(|| wrong_type(value, field, "a list"))
}

/// The text of an optional column; absent, null and empty are the same.
pub(super) fn optional_text<'a>(row: &'a Row, column: Option<&str>) -> Result<Option<&'a str>, String> {
    let Some(field) = column else { return Ok(None) };
    match row.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => Ok(Some(text(value, field)?).filter(|text| !text.is_empty())),
    }
}

/// A response: a string, a message, or a list of one message.
pub(super) fn response(row: &Row, field: &str, keys: &MessageKeys) -> Result<String, String> {
    let response = match required(row, field)? {
        Value::String(response) => response.clone(),
        message @ Value::Object(_) => self::message(message, field, keys)?.content,
        Value::Array(messages) if messages.len() == 1 => {
            message(&messages[0], &format!("{field}[0]"), keys)?.content
        }
        other => return Err(wrong_type(other, field, "a string or one message")),
    };
    check_response(response, field)
}

pub(super) fn check_response(response: String, field: &str) -> Result<String, String> {
    match response.trim().is_empty() {
        true => Err(format!("\"{field}\" is an empty response")),
        false => Ok(response),
    }
}

/// A list of messages.
pub(super) fn messages(value: &Value, field: &str, keys: &MessageKeys) -> Result<Vec<Message>, String> {
    let list = list(value, field)?;
    if list.is_empty() {
        return Err(empty_prompt(field));
    }
    list.iter().enumerate().map(|(index, one)| message(one, &format!("{field}[{index}]"), keys)).collect()
}

fn message(value: &Value, field: &str, keys: &MessageKeys) -> Result<Message, String> {
    let Value::Object(row) = value else {
        return Err(wrong_type(value, field, "a message"));
    };
    let within = |key: &str| format!("{field}.{key}");
    let get = |key: &str| -> Result<&str, String> {
        text(row.get(key).ok_or_else(|| missing(&within(key)))?, &within(key))
    };
    let name = get(&keys.role)?;
    let role = keys.role_named(name).ok_or_else(|| unknown_role(&within(&keys.role), name))?;
    Ok(Message { role, content: get(&keys.content)?.to_owned() })
}

pub(super) fn missing(field: &str) -> String {
    format!("\"{field}\" is missing")
}

pub(super) fn empty_prompt(field: &str) -> String {
    format!("\"{field}\" is an empty prompt")
}

fn unknown_role(field: &str, role: &str) -> String {
    format!("\"{field}\" is \"{role}\": known roles are system, user (human) and assistant (gpt)")
}

fn wrong_type(value: &Value, field: &str, expected: &str) -> String {
    format!("\"{field}\" is {}, not {expected}", type_name(value))
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}
