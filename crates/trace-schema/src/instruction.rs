//! An instruction: the paper's x.

use serde::{Deserialize, Serialize};

use crate::{DimensionLabel, RowError, UnknownLabels, values};

/// The line that introduces the input in a rendered prompt.
const INPUT_HEADING: &str = "# Inputs:\n";

/// With this text the released format says that an instruction has no input.
pub(crate) const NULL_INPUT: &str = "NULL";

/// One requirement on the response.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Constraint {
    /// The requirement as the prompt shows it, its number included.
    pub text: String,
    /// What the requirement is about, when that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dimension: Option<DimensionLabel>,
}

impl Constraint {
    /// A constraint with its label.
    pub fn new(text: impl Into<String>, dimension: impl Into<DimensionLabel>) -> Self {
        Self { text: text.into(), dimension: Some(dimension.into()) }
    }

    /// A constraint without a label.
    pub fn unlabelled(text: impl Into<String>) -> Self {
        Self { text: text.into(), dimension: None }
    }
}

/// A task, the constraints on its response, and what to work on: the paper's x.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Instruction {
    /// What to do.
    pub description: String,
    /// How the response must be. The order is that of the prompt.
    #[serde(default, deserialize_with = "values::or_default")]
    pub constraints: Vec<Constraint>,
    /// What to do it to, when there is such a thing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
}

impl Instruction {
    /// Renders the instruction as the user's message.
    ///
    /// ```text
    /// description ⏎ constraint ⏎ … constraint ⏎ [# Inputs: ⏎ input ⏎]
    /// ```
    ///
    /// An instruction without constraints has no constraint lines. For an instruction of the released evaluation file
    /// this is the file's own user message.
    ///
    /// ```
    /// use trace_schema::{Constraint, ConstraintDimension, Instruction};
    ///
    /// let instruction = Instruction {
    ///     description: "Describe the sea.".to_owned(),
    ///     constraints: vec![Constraint::new("1. Use one simile.", ConstraintDimension::LinguisticCharacteristics)],
    ///     input: Some("A calm morning.".to_owned()),
    /// };
    /// assert_eq!(instruction.prompt(), "Describe the sea.\n1. Use one simile.\n# Inputs:\nA calm morning.\n");
    /// ```
    pub fn prompt(&self) -> String {
        let texts = self.constraints.iter().map(|constraint| constraint.text.as_str());
        render_prompt(&self.description, texts, self.input.as_deref())
    }

    /// Checks the instruction; `field` is the name of its place in the row and stands in front of every field in errors.
    ///
    /// # Errors
    ///
    /// An empty description or constraint, the text "NULL" as input, or, under [`UnknownLabels::Error`], an unknown label.
    pub fn validate(&self, field: &str, unknown_labels: UnknownLabels) -> Result<(), RowError> {
        if self.description.trim().is_empty() {
            return Err(RowError::invalid(format!("{field}.description is empty")));
        }
        for (index, constraint) in self.constraints.iter().enumerate() {
            if constraint.text.trim().is_empty() {
                return Err(RowError::invalid(format!(
                    "{field}.constraints[{index}] is an empty constraint"
                )));
            }
            if let (Some(DimensionLabel::Unknown(label)), UnknownLabels::Error) =
                (&constraint.dimension, unknown_labels)
            {
                let field = format!("{field}.constraints[{index}].dimension");
                return Err(RowError::UnknownLabel { field, label: label.clone() });
            }
        }
        match self.input.as_deref() {
            Some(NULL_INPUT) => Err(null_input(&format!("{field}.input"))),
            _ => Ok(()),
        }
    }
}

/// The text "NULL" as an input would read back as no input.
pub(crate) fn null_input(field: &str) -> RowError {
    RowError::invalid(format!("{field} is the text \"NULL\", which stands for no input: leave the key out"))
}

/// The one place that knows how a prompt is put together.
pub(crate) fn render_prompt<'a>(
    description: &'a str,
    constraints: impl Iterator<Item = &'a str>,
    input: Option<&str>,
) -> String {
    let mut prompt = String::with_capacity(description.len() + 256);
    for line in std::iter::once(description).chain(constraints) {
        prompt.push_str(line);
        prompt.push('\n');
    }
    if let Some(input) = input {
        prompt.push_str(INPUT_HEADING);
        prompt.push_str(input);
        prompt.push('\n');
    }
    prompt
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instruction_without_constraints_renders_to_its_description() {
        let instruction = Instruction { description: "Say hello.".to_owned(), ..Instruction::default() };
        assert_eq!(instruction.prompt(), "Say hello.\n");
    }

    #[test]
    fn absent_and_null_inputs_read_alike() {
        let absent: Instruction = serde_json::from_str(r#"{"description": "a"}"#).unwrap_or_default();
        let null: Instruction =
            serde_json::from_str(r#"{"description": "a", "input": null}"#).unwrap_or_default();
        assert_eq!(absent, null);
        assert_eq!(absent.description, "a");
    }
}
