//! What a row is taken for: a group also holds pairs, completions and instructions.

use std::fmt;

use super::ExportError;
use crate::{
    CompletionRow, DatasetFormat, DatasetRow, EvalRow, Instruction, PreferenceGroup, PreferencePair,
};

/// What a row is taken for.
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
    /// [`ExportError::TooLittle`] when the row holds less than the shape, [`ExportError::Row`] when a constraint has no
    /// label and evaluation rows need one. `category` is that of new evaluation rows.
    pub(super) fn take(self, row: DatasetRow, category: &str) -> Result<Vec<DatasetRow>, ExportError> {
        let too_little = |row: &DatasetRow| ExportError::TooLittle {
            id: row.id().unwrap_or_default().to_owned(),
            found: Self::of(row.format()),
            needed: self,
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
        Err(source) => Err(ExportError::Row { id, source }),
    }
}
