//! Reading answers of models: JSON with or without words around it.

use iopo_files::excerpt;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use trace_schema::{Constraint, ConstraintDimension, Instruction};
use trace_score::trace::{json_objects, without_number};

/// The text by which instructions, and models after them, mark an empty part.
const NULL: &str = "NULL";

/// The longest answer that is read, in bytes.
const MAX_BYTES: usize = 1 << 20;

/// An instruction that was taken apart, or the reason why it was not.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Structured {
    Instruction(Instruction),
    Refused { reason: String },
}

/// The verdicts of a judge on the four pairs of a group: whether each is right.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct PairVerdicts {
    pub x1_y1: bool,
    pub x1_y2: bool,
    pub x2_y1: bool,
    pub x2_y2: bool,
    #[serde(default)]
    pub reason: String,
}

#[derive(Deserialize)]
struct Expanded {
    instruction: String,
}

/// The parts of an instruction. Models leave out empty ones.
#[derive(Deserialize)]
struct PartKeys {
    #[serde(default)]
    valid: Option<bool>,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    constraints: Value,
    #[serde(default)]
    input: Option<String>,
}

/// Parts, which a description or a refusal tells from other objects in an answer, such as an empty one.
#[derive(Deserialize)]
#[serde(try_from = "PartKeys")]
enum Parts {
    Described { description: String, constraints: Value, input: Option<String> },
    Refused { reason: String },
}

impl TryFrom<PartKeys> for Parts {
    type Error = &'static str;

    fn try_from(keys: PartKeys) -> Result<Self, Self::Error> {
        let PartKeys { valid, reason, description, constraints, input } = keys;
        match description {
            _ if valid == Some(false) => Ok(Self::Refused { reason: reason.unwrap_or_default() }),
            Some(description) => Ok(Self::Described { description, constraints, input }),
            None => Err("\"description\" is missing"),
        }
    }
}

#[derive(Deserialize)]
struct NewConstraints {
    constraints: Value,
}

#[derive(Deserialize)]
struct NewConstraint {
    text: String,
    dimension: String,
}

/// The expanded instruction.
pub(super) fn read_expansion(answer: &str) -> Result<String, String> {
    let Expanded { instruction } = last_object(answer)?;
    match instruction.trim() {
        "" => Err("\"instruction\" is blank".to_owned()),
        text => Ok(text.to_owned()),
    }
}

/// The parts of an instruction.
pub(super) fn read_parts(answer: &str) -> Result<Structured, String> {
    match last_object(answer)? {
        Parts::Refused { reason } => Ok(Structured::Refused { reason }),
        Parts::Described { description, constraints: value, input } => {
            let description = present(description).ok_or("\"description\" is blank")?;
            let (constraints, input) = (constraints(value)?, input.and_then(present));
            Ok(Structured::Instruction(Instruction { description, constraints, input }))
        }
    }
}

/// The changed constraints, numbered anew.
pub(super) fn read_constraints(answer: &str) -> Result<Vec<Constraint>, String> {
    let NewConstraints { constraints: value } = last_object(answer)?;
    constraints(value)
}

/// The verdicts on the four pairs.
pub(super) fn read_verdicts(answer: &str) -> Result<PairVerdicts, String> {
    last_object(answer)
}

/// A text that is not blank, without white space at its ends.
fn present(text: String) -> Option<String> {
    let trimmed = text.trim();
    (!trimmed.is_empty() && !trimmed.eq_ignore_ascii_case(NULL)).then(|| trimmed.to_owned())
}

/// A list of constraints; nothing, and NULL, is an empty one.
fn constraints(value: Value) -> Result<Vec<Constraint>, String> {
    let items = match value {
        Value::Null => Vec::new(),
        Value::String(text) if present(text.clone()).is_none() => Vec::new(),
        Value::Array(items) => items,
        other => {
            return Err(format!(
                "\"constraints\" is neither a list nor NULL, but {}",
                excerpt(&other.to_string())
            ));
        }
    };
    let mut constraints = Vec::new();
    for item in items {
        let shown = excerpt(&item.to_string()).into_owned();
        let NewConstraint { text, dimension } = serde_json::from_value(item)
            .map_err(|_| format!("a constraint needs \"text\" and \"dimension\", found {shown}"))?;
        let Some(text) = present(text) else { continue };
        let dimension: ConstraintDimension =
            dimension.trim().parse().map_err(|_| format!("there is no dimension {dimension:?}"))?;
        constraints.push(numbered(constraints.len(), &text, dimension));
    }
    Ok(constraints)
}

/// A constraint as prompts show it, with its number.
pub(super) fn numbered(index: usize, text: &str, dimension: ConstraintDimension) -> Constraint {
    Constraint::new(format!("{}. {}", index + 1, without_number(text)), dimension)
}

/// The last object of an answer that has the wanted form; models may show an example, or think aloud, before it.
fn last_object<T: DeserializeOwned>(answer: &str) -> Result<T, String> {
    if answer.len() > MAX_BYTES {
        return Err(format!("the answer has {} bytes, more than {MAX_BYTES}", answer.len()));
    }
    let mut found = Err("found no JSON object in the answer".to_owned());
    for object in json_objects(answer) {
        match serde_json::from_value(Value::Object(object)) {
            Ok(read) => found = Ok(read),
            Err(error) if found.is_err() => found = Err(format!("the JSON object has another form: {error}")),
            Err(_) => {}
        }
    }
    found
}

/// The `response_format` for answers to an expansion.
pub(super) fn expansion_schema() -> Value {
    schema(
        "expansion",
        json!({
            "instruction": {"type": "string"},
            "dimensions": {"type": "array", "items": dimension_schema()},
        }),
    )
}

/// The `response_format` for the parts of an instruction.
pub(super) fn parts_schema() -> Value {
    schema(
        "parts",
        json!({
            "valid": {"type": "boolean"},
            "reason": {"type": "string"},
            "description": {"type": "string"},
            "constraints": constraints_schema(),
            "input": {"type": ["string", "null"]},
        }),
    )
}

/// The `response_format` for changed constraints.
pub(super) fn changed_schema() -> Value {
    schema("constraints", json!({"constraints": constraints_schema()}))
}

/// The `response_format` for verdicts on four pairs.
pub(super) fn verdicts_schema() -> Value {
    let flag = json!({"type": "boolean"});
    schema(
        "verdicts",
        json!({"reason": {"type": "string"}, "x1_y1": flag, "x1_y2": flag, "x2_y1": flag, "x2_y2": flag}),
    )
}

fn constraints_schema() -> Value {
    let constraint = object(json!({"text": {"type": "string"}, "dimension": dimension_schema()}));
    json!({"type": "array", "items": constraint})
}

fn dimension_schema() -> Value {
    json!({"type": "string", "enum": ConstraintDimension::ALL.map(ConstraintDimension::name)})
}

/// An object that has all of these keys and no others, as strict schemas must say.
fn object(properties: Value) -> Value {
    let keys: Vec<&String> = properties.as_object().map(|map| map.keys().collect()).unwrap_or_default();
    json!({"type": "object", "properties": properties, "required": keys, "additionalProperties": false})
}

/// # Source
///
/// `response_format` of OpenAI's chat completions, which vLLM and others follow.
fn schema(name: &str, properties: Value) -> Value {
    json!({
        "type": "json_schema",
        "json_schema": {"name": name, "strict": true, "schema": object(properties)},
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instruction(answer: &str) -> Instruction {
        match read_parts(answer) {
            Ok(Structured::Instruction(instruction)) => instruction,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn parts_are_read_from_fences_words_and_thoughts() {
        let parts = r#"{"valid": true, "description": " Describe the sea. ",
            "constraints": [{"text": "3) Use three words.", "dimension": "Numerical"},
                            {"text": "Mention \"salt\".", "dimension": "包含约束"}], "input": "NULL"}"#;
        let plain = instruction(parts);
        assert_eq!(plain.prompt(), "Describe the sea.\n1. Use three words.\n2. Mention \"salt\".\n");
        assert_eq!(plain.input, None);
        for around in [
            format!("Sure:\n```json\n{parts}\n```\nDone."),
            format!("<think>{{\"description\": \"no\"}} or so</think>{parts}"),
            format!("{parts} {{\"note\": [1]"),
            format!("{parts} {{}}"),
            format!("{parts} {{\"note\": [1], \"valid\": true}}"),
        ] {
            assert_eq!(instruction(&around), plain, "{around}");
        }
    }

    #[test]
    fn nothing_may_be_written_in_several_ways() {
        for (constraints, input) in
            [("\"NULL\"", "\"NULL\""), ("null", "null"), ("[]", "\"\""), ("\" null \"", "\"null\"")]
        {
            let answer = format!(r#"{{"description": "d", "constraints": {constraints}, "input": {input}}}"#);
            let read = instruction(&answer);
            assert!(read.constraints.is_empty() && read.input.is_none(), "{answer}");
        }
        let text = instruction(r#"{"description": "d", "input": "NULL values in SQL"}"#);
        assert_eq!(text.input.as_deref(), Some("NULL values in SQL"));
    }

    #[test]
    fn a_refusal_keeps_its_reason() {
        let answer = r#"{"valid": false, "reason": "contradicts itself", "description": "d"}"#;
        assert_eq!(read_parts(answer), Ok(Structured::Refused { reason: "contradicts itself".to_owned() }));
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        let cases = [
            ("no json", "found no JSON object"),
            (r#"{"description": " ", "constraints": []}"#, "\"description\" is blank"),
            (r#"{"constraints": []}"#, "another form: \"description\" is missing"),
            (r#"{"description": "d", "constraints": 5}"#, "neither a list nor NULL"),
            (r#"{"description": "d", "constraints": ["be short"]}"#, "needs \"text\" and \"dimension\""),
            (r#"{"description": "d", "constraints": [{"text": "t", "dimension": "Length"}]}"#, "\"Length\""),
            (r#"{"description": ["d"]}"#, "another form"),
            (r#"{"description": "d", "constraints": [{"text": "t", "dimension""#, "found no JSON object"),
        ];
        for (answer, expected) in cases {
            let error = read_parts(answer).err().unwrap_or_default();
            assert!(error.contains(expected), "{answer}: {error}");
        }
        assert!(read_parts(&" ".repeat(MAX_BYTES + 1)).is_err());
        assert!(read_verdicts(r#"{"x1_y1": true, "x1_y2": "no"}"#).is_err());
        assert_eq!(read_expansion(r#"{"instruction": " "}"#), Err("\"instruction\" is blank".to_owned()));
    }

    #[test]
    fn strict_schemas_require_every_key_they_know() {
        let format = parts_schema();
        let schema = &format["json_schema"]["schema"];
        assert_eq!(schema["required"].as_array().map(Vec::len), Some(5));
        assert_eq!(schema["additionalProperties"], false);
        let dimension = &schema["properties"]["constraints"]["items"]["properties"]["dimension"];
        assert_eq!(dimension["enum"].as_array().map(Vec::len), Some(26));
    }
}
