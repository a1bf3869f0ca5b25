//! Training rows: groups of two instructions, preference pairs, and completions.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::record::{check_id, check_response};
use crate::{Instruction, NameError, Provenance, Record, RowError, UnknownLabels, values};

/// How the constraints of x₂ came from those of x₁.
///
/// # Source
///
/// IOPO (ACL 2025), Appendix D, Step 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ConstraintOperation {
    /// Constraints were added.
    Add,
    /// Some constraints were taken away.
    Delete,
    /// Some constraints were rewritten.
    Revise,
}

impl ConstraintOperation {
    /// The three operations, in the order of the paper.
    pub const ALL: [Self; 3] = [Self::Add, Self::Delete, Self::Revise];

    /// The name in files and in the paper's prompt.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Add => "ADD",
            Self::Delete => "DELETE",
            Self::Revise => "REVISE",
        }
    }
}

impl fmt::Display for ConstraintOperation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for ConstraintOperation {
    type Err = NameError;

    fn from_str(name: &str) -> Result<Self, NameError> {
        let found = Self::ALL.into_iter().find(|operation| operation.name() == name);
        let known = ": the operations are ADD, DELETE and REVISE";
        found.ok_or_else(|| NameError::new("constraint operation", name, known))
    }
}

/// Two instructions that differ in some constraints, each with the response that satisfies it, as IOPO takes it.
///
/// Matched cells, ⟨x₁, y₁⟩ and ⟨x₂, y₂⟩, are preferred to swapped cells, ⟨x₁, y₂⟩ and ⟨x₂, y₁⟩.
///
/// # Source
///
/// IOPO (ACL 2025), Section 5 and Appendix D.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreferenceGroup {
    /// Unique within the file.
    #[serde(deserialize_with = "values::id")]
    pub id: String,
    /// How the constraints of `x2` came from those of `x1`.
    pub operation: ConstraintOperation,
    /// The original instruction.
    pub x1: Instruction,
    /// The response that satisfies `x1` and violates `x2`.
    pub y1: String,
    /// The instruction with changed constraints.
    pub x2: Instruction,
    /// The response that satisfies `x2`.
    pub y2: String,
    /// How the row was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provenance: Option<Provenance>,
}

impl Record for PreferenceGroup {
    fn id(&self) -> Option<&str> {
        Some(&self.id)
    }

    fn validate(&self, unknown_labels: UnknownLabels) -> Result<(), RowError> {
        check_id(&self.id)?;
        self.x1.validate("x1", unknown_labels)?;
        self.x2.validate("x2", unknown_labels)?;
        check_response("y1", &self.y1)?;
        check_response("y2", &self.y2)?;
        // Labels never reach a model: instructions that differ in nothing else are the same to it.
        if self.x1.prompt() == self.x2.prompt() {
            return Err(RowError::invalid("x1 and x2 are the same instruction"));
        }
        if self.y1 == self.y2 {
            return Err(RowError::invalid("y1 and y2 are the same response"));
        }
        Ok(())
    }
}

/// One instruction with a response to prefer and a response to avoid, as DPO takes it.
///
/// # Source
///
/// IOPO (ACL 2025), Appendix C.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreferencePair {
    /// Unique within the file.
    #[serde(deserialize_with = "values::id")]
    pub id: String,
    /// The paper's x.
    pub instruction: Instruction,
    /// The better response, the paper's y_w.
    pub chosen: String,
    /// The worse response, the paper's y_l.
    pub rejected: String,
    /// How the row was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provenance: Option<Provenance>,
}

impl Record for PreferencePair {
    fn id(&self) -> Option<&str> {
        Some(&self.id)
    }

    fn validate(&self, unknown_labels: UnknownLabels) -> Result<(), RowError> {
        check_id(&self.id)?;
        self.instruction.validate("instruction", unknown_labels)?;
        check_response("chosen", &self.chosen)?;
        check_response("rejected", &self.rejected)?;
        if self.chosen == self.rejected {
            return Err(RowError::invalid("chosen and rejected are the same response"));
        }
        Ok(())
    }
}

/// One rendered instruction with the response to learn.
///
/// The keys are those of TRL's prompt-completion format, so such a file is read by other programs as it is. Unlike the
/// other rows it has lost what its instruction consisted of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompletionRow {
    /// Unique within the file, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "values::optional_id")]
    pub id: Option<String>,
    /// The rendered instruction.
    pub prompt: String,
    /// The response to it.
    pub completion: String,
    /// How the row was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provenance: Option<Provenance>,
}

impl CompletionRow {
    /// A row without an id or a provenance.
    pub fn new(prompt: impl Into<String>, completion: impl Into<String>) -> Self {
        Self { id: None, prompt: prompt.into(), completion: completion.into(), provenance: None }
    }
}

impl Record for CompletionRow {
    fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    fn validate(&self, _: UnknownLabels) -> Result<(), RowError> {
        self.id.as_deref().map_or(Ok(()), check_id)?;
        if self.prompt.trim().is_empty() {
            return Err(RowError::invalid("prompt is empty"));
        }
        check_response("completion", &self.completion)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_is_read_back_from_its_name() {
        for operation in ConstraintOperation::ALL {
            assert_eq!(operation.to_string().parse(), Ok(operation));
            let json = serde_json::to_string(&operation).unwrap_or_default();
            assert_eq!(json, format!("{:?}", operation.name()));
        }
    }
}
