//! The formats, and what a row is taken for: a group also holds pairs, completions and instructions.

use std::fmt;

use super::ExportError;
use crate::{
    CompletionRow, DatasetFormat, DatasetRow, EvalRow, Instruction, PreferenceGroup, PreferencePair,
};

/// How rows are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExportFormat {
    /// The rows of this crate.
    Trace,
    /// LLaMA-Factory's sharegpt: `conversations`, for rankings with `chosen` and `rejected`. A group has two human
    /// turns, x₁ and x₂, and y₁ and y₂ as `chosen` and `rejected`: the paper's `trace.json`.
    Sharegpt,
    /// LLaMA-Factory's alpaca: `instruction`, `input`, and `output` or `chosen` and `rejected`.
    Alpaca,
    /// TRL's standard format: `prompt` with `chosen` and `rejected`, with `completion`, or alone, all of them texts.
    Trl,
    /// TRL's conversational format: the same, all of them lists of messages.
    TrlChat,
    /// `messages` with roles, for supervised fine-tuning.
    Messages,
}

impl ExportFormat {
    /// All formats.
    pub const ALL: [Self; 6] =
        [Self::Trace, Self::Sharegpt, Self::Alpaca, Self::Trl, Self::TrlChat, Self::Messages];

    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Sharegpt => "sharegpt",
            Self::Alpaca => "alpaca",
            Self::Trl => "trl",
            Self::TrlChat => "trl-chat",
            Self::Messages => "messages",
        }
    }

    /// The shapes that have a form in this format.
    pub const fn shapes(self) -> &'static [Shape] {
        use Shape::{Completion, Evaluation, Group, Pair};
        match self {
            Self::Trace => &[Group, Pair, Completion, Evaluation],
            Self::Sharegpt => &[Group, Pair, Completion],
            Self::Alpaca => &[Pair, Completion],
            Self::Trl | Self::TrlChat => &[Pair, Completion, Evaluation],
            Self::Messages => &[Completion],
        }
    }

    /// Whether LLaMA-Factory needs an entry in `dataset_info.json` to read it.
    pub const fn has_dataset_info(self) -> bool {
        matches!(self, Self::Sharegpt | Self::Alpaca)
    }
}

impl fmt::Display for ExportFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The shape that a row is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shape {
    /// Two instructions and two responses: four cells.
    Group,
    /// One instruction with a better and a worse response; a group is two of them, the paper's DPO*.
    Pair,
    /// One instruction with its response; a group is two of them, the paper's SFT*.
    Completion,
    /// An instruction without a response, to be answered and judged.
    Evaluation,
}

impl Shape {
    /// All shapes. A row can be taken for its own and for later ones, with the exception that a
    /// [completion](DatasetFormat::Completion) no longer knows its instruction.
    pub const ALL: [Self; 4] = [Self::Group, Self::Pair, Self::Completion, Self::Evaluation];

    /// The shape that the rows of a format have.
    pub const fn of(format: DatasetFormat) -> Self {
        match format {
            DatasetFormat::PreferenceGroup => Self::Group,
            DatasetFormat::PreferencePair => Self::Pair,
            DatasetFormat::Completion => Self::Completion,
            DatasetFormat::EvalRow => Self::Evaluation,
        }
    }

    /// The rows of this shape that `row` holds. From a group come two, whose ids end in `-x1` and `-x2`.
    ///
    /// # Errors
    ///
    /// [`ExportError::Row`] when the row holds less than the shape, and when a constraint has no label and evaluation
    /// rows need one. `category` is that of new evaluation rows.
    pub(super) fn take(self, row: DatasetRow, category: &str) -> Result<Vec<DatasetRow>, ExportError> {
        let too_little = |row: &DatasetRow| ExportError::Row {
            id: row.id().unwrap_or_default().to_owned(),
            reason: format!("it is one of {}, which hold no {self}", Self::of(row.format())),
        };
        Ok(match (row, self) {
            (row @ DatasetRow::Group(_), Self::Group)
            | (row @ DatasetRow::Pair(_), Self::Pair)
            | (row @ DatasetRow::Completion(_), Self::Completion)
            | (row @ DatasetRow::Eval(_), Self::Evaluation) => vec![row],
            (DatasetRow::Group(group), Self::Pair) => pairs(*group).map(DatasetRow::from).to_vec(),
            (DatasetRow::Group(group), Self::Completion) => {
                pairs(*group).map(|pair| completion(pair).into()).to_vec()
            }
            (DatasetRow::Pair(pair), Self::Completion) => vec![completion(*pair).into()],
            (DatasetRow::Group(group), Self::Evaluation) => {
                let [first, second] = ids(&group.id);
                vec![evaluation(first, &group.x1, category)?, evaluation(second, &group.x2, category)?]
            }
            (DatasetRow::Pair(pair), Self::Evaluation) => {
                vec![evaluation(pair.id, &pair.instruction, category)?]
            }
            (row, _) => return Err(too_little(&row)),
        })
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Group => "groups",
            Self::Pair => "pairs",
            Self::Completion => "completions",
            Self::Evaluation => "evaluation rows",
        })
    }
}

fn ids(id: &str) -> [String; 2] {
    [format!("{id}-x1"), format!("{id}-x2")]
}

/// Each instruction with its own response as the better one.
fn pairs(group: PreferenceGroup) -> [PreferencePair; 2] {
    let [first, second] = ids(&group.id);
    let PreferenceGroup { x1, y1, x2, y2, provenance, .. } = group;
    let pair = |id, instruction, chosen, rejected, provenance| PreferencePair {
        id,
        instruction,
        chosen,
        rejected,
        provenance,
    };
    [pair(first, x1, y1.clone(), y2.clone(), provenance.clone()), pair(second, x2, y2, y1, provenance)]
}

fn completion(pair: PreferencePair) -> CompletionRow {
    let PreferencePair { id, instruction, chosen, provenance, .. } = pair;
    CompletionRow { id: Some(id), prompt: instruction.prompt(), completion: chosen, provenance }
}

fn evaluation(id: String, instruction: &Instruction, category: &str) -> Result<DatasetRow, ExportError> {
    match EvalRow::new(id.clone(), instruction, category) {
        Ok(row) => Ok(row.into()),
        Err(error) => Err(ExportError::Row { id, reason: error.to_string() }),
    }
}
