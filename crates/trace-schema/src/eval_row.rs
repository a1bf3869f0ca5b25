//! A row of the released evaluation file.

use iopo_files::deserialize_whole;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::instruction::{NULL_INPUT, null_input, render_prompt};
use crate::record::check_id;
use crate::{Constraint, DimensionLabel, Instruction, Record, RowError, UnknownLabels};

/// The system message of every released row.
const SYSTEM_MESSAGE: &str = "You are a helpful assistant.";

/// One chat message of an evaluation row, with the role and the keys that the file has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EvalMessage {
    /// Who speaks: "system", "user" or "assistant".
    pub role: String,
    /// The text.
    pub content: String,
    /// Keys beyond those of the released file, in their order.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl EvalMessage {
    /// A message without further keys.
    pub fn new(role: impl Into<String>, content: impl Into<String>) -> Self {
        Self { role: role.into(), content: content.into(), extra: Map::new() }
    }
}

/// A row of the TRACE evaluation set, with the keys of the released file.
///
/// Labels and the input stay as the file has them, so that a row of the released file is written back byte for byte by
/// [`to_json_line`](crate::to_json_line); [`EvalRow::instruction`] gives them their meaning.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EvalRow {
    /// Unique within the file; in the released file the index of the line.
    pub id: String,
    /// The conversation to answer: a system message, then the rendered instruction as the user's.
    pub messages: Vec<EvalMessage>,
    /// The kind of data; "trace" in the released file.
    #[serde(rename = "type")]
    pub kind: String,
    /// The task.
    pub description: String,
    /// All constraints as one text, joined by newlines.
    #[serde(rename = "constraints")]
    pub joined_constraints: String,
    /// What to work on, or "NULL" for nothing.
    pub input: String,
    /// The number of constraints.
    #[serde(rename = "constraints_num", deserialize_with = "deserialize_whole")]
    pub constraint_count: usize,
    /// The constraints one by one.
    #[serde(rename = "constraints_splits")]
    pub constraints: Vec<String>,
    /// The dimension of each constraint, as the file writes it.
    #[serde(rename = "levels2")]
    pub labels: Vec<String>,
    /// The part of the data set: "trace1.0" or "trace2.0".
    pub category: String,
    /// Keys beyond those of the released file, in their order. They are written after the others.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl EvalRow {
    /// Makes a row from an instruction, with the messages that the released file has.
    ///
    /// # Errors
    ///
    /// For a constraint without a label and for the text "NULL" as input: the format cannot express either.
    pub fn new(
        id: impl Into<String>,
        instruction: &Instruction,
        category: impl Into<String>,
    ) -> Result<Self, RowError> {
        if instruction.input.as_deref() == Some(NULL_INPUT) {
            return Err(null_input("input"));
        }
        let label = |(index, constraint): (usize, &Constraint)| match &constraint.dimension {
            Some(label) => Ok(label.released_label().to_owned()),
            None => Err(RowError::invalid(format!(
                "constraints_splits[{index}] has no dimension, and this format needs one for every constraint"
            ))),
        };
        let labels = instruction.constraints.iter().enumerate().map(label).collect::<Result<Vec<_>, _>>()?;
        let constraints: Vec<String> =
            instruction.constraints.iter().map(|constraint| constraint.text.clone()).collect();
        Ok(Self {
            id: id.into(),
            messages: vec![
                EvalMessage::new("system", SYSTEM_MESSAGE),
                EvalMessage::new("user", instruction.prompt()),
            ],
            kind: "trace".to_owned(),
            description: instruction.description.clone(),
            joined_constraints: constraints.join("\n"),
            input: instruction.input.clone().unwrap_or_else(|| NULL_INPUT.to_owned()),
            constraint_count: constraints.len(),
            constraints,
            labels,
            category: category.into(),
            extra: Map::new(),
        })
    }

    /// The instruction of the row. Unknown labels are kept, "NULL" becomes no input.
    ///
    /// On a row that [`validate`](Record::validate) accepts there is a label for every constraint; on another row a
    /// constraint beyond the labels has none.
    pub fn instruction(&self) -> Instruction {
        let mut labels = self.labels.iter();
        let constraint = |text: &String| Constraint {
            text: text.clone(),
            dimension: labels.next().map(|label| DimensionLabel::parse(label)),
        };
        Instruction {
            description: self.description.clone(),
            constraints: self.constraints.iter().map(constraint).collect(),
            input: self.input().map(str::to_owned),
        }
    }

    /// What to work on, if anything.
    pub fn input(&self) -> Option<&str> {
        (self.input != NULL_INPUT).then_some(self.input.as_str())
    }

    /// The prompt, rendered from description, constraints and input.
    pub fn prompt(&self) -> String {
        render_prompt(&self.description, self.constraints.iter().map(String::as_str), self.input())
    }

    /// The text of the last message with the role "user".
    pub fn user_message(&self) -> Option<&str> {
        self.messages
            .iter()
            .rev()
            .find(|message| message.role == "user")
            .map(|message| message.content.as_str())
    }

    fn check_constraints(&self, unknown_labels: UnknownLabels) -> Result<(), RowError> {
        let actual = self.constraints.len();
        if self.constraint_count != actual {
            return Err(RowError::invalid(format!(
                "constraints_num is {}, but constraints_splits has {actual} entries",
                self.constraint_count
            )));
        }
        if self.labels.len() != actual {
            return Err(RowError::invalid(format!(
                "levels2 has {} entries, but constraints_splits has {actual}",
                self.labels.len()
            )));
        }
        if let Some(index) = self.constraints.iter().position(|text| text.trim().is_empty()) {
            return Err(RowError::invalid(format!("constraints_splits[{index}] is an empty constraint")));
        }
        let joined = self.constraints.join("\n");
        if self.joined_constraints != joined {
            let position = first_difference(&self.joined_constraints, &joined);
            return Err(RowError::invalid(format!(
                "constraints is not constraints_splits joined by newlines: they part at character {position}"
            )));
        }
        if unknown_labels == UnknownLabels::Keep {
            return Ok(());
        }
        let unknown = self.labels.iter().position(|label| DimensionLabel::parse(label).dimension().is_none());
        match unknown {
            Some(index) => Err(RowError::UnknownLabel {
                field: format!("levels2[{index}]"),
                label: self.labels[index].clone(),
            }),
            None => Ok(()),
        }
    }

    fn check_prompt(&self) -> Result<(), RowError> {
        let message = self
            .user_message()
            .ok_or_else(|| RowError::invalid("messages has no message with the role \"user\""))?;
        let prompt = self.prompt();
        match message == prompt {
            true => Ok(()),
            false => Err(RowError::invalid(format!(
                "the user message is not the description, constraints and input: they part at character {}",
                first_difference(message, &prompt)
            ))),
        }
    }
}

impl Record for EvalRow {
    fn id(&self) -> Option<&str> {
        Some(&self.id)
    }

    fn validate(&self, unknown_labels: UnknownLabels) -> Result<(), RowError> {
        check_id(&self.id)?;
        if self.description.trim().is_empty() {
            return Err(RowError::invalid("description is empty"));
        }
        self.check_constraints(unknown_labels)?;
        self.check_prompt()
    }
}

/// The first character, counted from 0, at which two texts differ.
fn first_difference(left: &str, right: &str) -> usize {
    left.chars().zip(right.chars()).take_while(|(l, r)| l == r).count()
}
