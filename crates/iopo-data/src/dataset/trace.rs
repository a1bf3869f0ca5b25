//! Rows of this project's own files: preference groups and preference pairs.

use serde::de::DeserializeOwned;
use serde_json::Value;
use trace_schema::{Instruction, Message, PreferenceGroup, PreferencePair, Record, UnknownLabels, shorten};

use super::fields::Row;
use crate::example::ExampleText;

pub(super) fn group(group: PreferenceGroup) -> ExampleText {
    ExampleText::Group { x1: prompt(&group.x1), y1: group.y1, x2: prompt(&group.x2), y2: group.y2 }
}

pub(super) fn pair(pair: PreferencePair) -> ExampleText {
    ExampleText::Pair { prompt: prompt(&pair.instruction), chosen: pair.chosen, rejected: pair.rejected }
}

fn prompt(instruction: &Instruction) -> Vec<Message> {
    vec![Message::user(instruction.prompt())]
}

/// A checked row out of a JSON value, for files that are one array.
pub(super) fn parse<T: DeserializeOwned + Record>(row: &Row, labels: UnknownLabels) -> Result<T, String> {
    let parsed: T = serde_json::from_value(Value::Object(row.clone()))
        .map_err(|error| format!("not a row of this format: {}", shorten(&error.to_string())))?;
    parsed.validate(labels).map_err(|error| error.to_string())?;
    Ok(parsed)
}
