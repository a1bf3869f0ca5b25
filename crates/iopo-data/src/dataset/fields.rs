//! Reading values out of a row, with errors that name the field.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use trace_schema::Message;

pub(super) type Row = Map<String, Value>;

/// Keys of a row that are not read and say something, by their places.
pub(super) type Unused = BTreeSet<String>;

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

/// A question in one text.
pub(super) fn question(text: String, field: &str) -> Result<Message, String> {
    match text.trim().is_empty() {
        true => Err(empty_prompt(field)),
        false => Ok(Message::user(text)),
    }
}

pub(super) fn check_response(response: &str, field: &str) -> Result<(), String> {
    match response.trim().is_empty() {
        true => Err(format!("\"{field}\" is an empty response")),
        false => Ok(()),
    }
}

/// Refuses a pair that prefers nothing.
pub(super) fn check_differ(chosen: (&str, &str), rejected: (&str, &str)) -> Result<(), String> {
    match chosen.1 == rejected.1 {
        true => Err(format!("\"{}\" and \"{}\" are the same response", chosen.0, rejected.0)),
        false => Ok(()),
    }
}

pub(super) fn missing(field: &str) -> String {
    format!("\"{field}\" is missing")
}

pub(super) fn empty_prompt(field: &str) -> String {
    format!("\"{field}\" is an empty prompt")
}

pub(super) fn wrong_type(value: &Value, field: &str, expected: &str) -> String {
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
