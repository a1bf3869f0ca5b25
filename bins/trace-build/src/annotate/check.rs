//! What a person is asked about an instruction.

use serde::Serialize;
use trace_schema::EvalRow;

/// A question; the answer "yes" is always the good one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Check {
    /// Is there a description that says what to do?
    DescriptionClear,
    /// Is every constraint new beside the description and the other constraints?
    NotRedundant,
    /// Does the input match the description?
    InputMatches,
    /// Is the instruction valid as a whole?
    Valid,
    /// Is the label of a constraint right?
    LabelRight,
}

impl Check {
    pub(super) const ALL: [Self; 5] =
        [Self::DescriptionClear, Self::NotRedundant, Self::InputMatches, Self::Valid, Self::LabelRight];

    /// The name in tables.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::DescriptionClear => "description_clear",
            Self::NotRedundant => "not_redundant",
            Self::InputMatches => "input_matches",
            Self::Valid => "valid",
            Self::LabelRight => "label_right",
        }
    }

    /// The question as a person reads it.
    pub(super) fn question(self) -> &'static str {
        match self {
            Self::DescriptionClear => "Is the description there, and clear about what to do?",
            Self::NotRedundant => {
                "Does every constraint add something to the description and to the other constraints?"
            }
            Self::InputMatches => "Does the input match the description? (No input, and none needed: yes.)",
            Self::Valid => "Is the instruction valid as a whole: can one response meet all of it?",
            Self::LabelRight => "Is this label right?",
        }
    }
}

/// One question about one row; each annotator gives it a verdict.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(super) struct Item {
    /// The row.
    pub(super) id: String,
    /// The question.
    pub(super) check: Check,
    /// The constraint it is about, counted from 1; 0 for the whole row.
    pub(super) constraint: usize,
}

/// The items of a row with the text that each is about.
pub(super) fn items(row: &EvalRow) -> Vec<(Item, String)> {
    let item = |check, constraint| Item { id: row.id.clone(), check, constraint };
    let labels = row.constraints.iter().zip(labels(row)).enumerate();
    Check::ALL
        .into_iter()
        .filter(|&check| check != Check::LabelRight)
        .map(|check| (item(check, 0), about(row, check)))
        .chain(
            labels.map(|(index, (text, label))| {
                (item(Check::LabelRight, index + 1), format!("{text} — {label}"))
            }),
        )
        .collect()
}

fn about(row: &EvalRow, check: Check) -> String {
    match check {
        Check::DescriptionClear => row.description.clone(),
        Check::NotRedundant => row.joined_constraints.clone(),
        Check::InputMatches => row.input.clone(),
        Check::Valid | Check::LabelRight => row.prompt(),
    }
}

/// The labels of a row: as the file has them, and the name of the dimension where they name one.
pub(super) fn labels(row: &EvalRow) -> Vec<String> {
    let instruction = row.instruction();
    let dimension = |index: usize| instruction.constraints.get(index).and_then(|one| one.dimension.clone());
    let label = |(index, label): (usize, &String)| match dimension(index).and_then(|label| label.dimension())
    {
        Some(dimension) if dimension.to_string() != *label => format!("{label} ({dimension})"),
        _ => label.clone(),
    };
    row.labels.iter().enumerate().map(label).collect()
}
