//! Statistics of a data set: the paper's Tables 1 and 2 and its Figure 3, for any file.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::BufRead;

use serde::Serialize;

use crate::{
    ConstraintDimension, ConstraintOperation, ConstraintType, DatasetFormat, DatasetReader, DatasetRow,
    DimensionLabel, Instruction, JsonlError, Lengths, lengths::LengthCounts,
};

/// The most ids that are kept per unknown label; all are counted.
const MAX_IDS: usize = 10;

/// What a data set consists of.
///
/// A preference group has two instructions, and both count.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DatasetStats {
    /// The format of the file.
    pub format: DatasetFormat,
    /// The number of rows.
    pub rows: u64,
    /// The number of instructions, #N of Table 1.
    pub instructions: u64,
    /// Constraints per instruction, the rest of Table 1.
    pub constraints: ConstraintCounts,
    /// The number of instructions with C constraints, by C: Table 2.
    pub by_constraint_count: BTreeMap<usize, u64>,
    /// The five types: the inner ring of Figure 3.
    pub types: Vec<TypeCount>,
    /// The 26 dimensions, grouped by type: the outer ring of Figure 3.
    pub dimensions: Vec<DimensionCount>,
    /// Constraints without a label.
    pub unlabelled_constraints: u64,
    /// Labels that name no dimension, the most frequent first.
    pub unknown_labels: Vec<UnknownLabelCount>,
    /// How the groups were made; absent for other formats.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operations: Option<OperationCounts>,
    /// How long the texts are.
    pub lengths: Lengths,
}

/// Constraints per instruction.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConstraintCounts {
    /// In the whole file.
    pub total: u64,
    /// In the instruction with the fewest.
    pub min: usize,
    /// In the instruction with the most.
    pub max: usize,
    /// On average.
    pub mean: f64,
}

/// How often a type occurs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TypeCount {
    /// The type.
    #[serde(rename = "type")]
    pub constraint_type: ConstraintType,
    /// The number of constraints of this type.
    pub constraints: u64,
    /// The number of instructions with at least one.
    pub instructions: u64,
    /// The part of all constraints whose dimension is known, from 0 to 1.
    pub share: f64,
}

/// How often a dimension occurs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DimensionCount {
    /// The type of the dimension.
    #[serde(rename = "type")]
    pub constraint_type: ConstraintType,
    /// The dimension.
    pub dimension: ConstraintDimension,
    /// The number of constraints of this dimension.
    pub constraints: u64,
    /// The number of instructions with at least one.
    pub instructions: u64,
    /// The part of all constraints whose dimension is known, from 0 to 1.
    pub share: f64,
}

/// How often a label occurs that names no dimension.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnknownLabelCount {
    /// The label, verbatim.
    pub label: String,
    /// The number of constraints with it.
    pub constraints: u64,
    /// The number of rows with it.
    pub rows: u64,
    /// The ids of the first rows with it, ten at most.
    pub ids: Vec<String>,
}

/// The number of groups per operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub struct OperationCounts {
    /// Constraints were added.
    pub add: u64,
    /// Constraints were taken away.
    pub delete: u64,
    /// Constraints were rewritten.
    pub revise: u64,
}

impl DatasetStats {
    /// Reads a file to its end and counts.
    ///
    /// # Errors
    ///
    /// The first error of the reader, or [`JsonlError::Empty`] for a file without rows.
    pub fn of<R: BufRead>(mut reader: DatasetReader<R>) -> Result<Self, JsonlError> {
        let mut counts = Counts::default();
        for row in reader.by_ref() {
            counts.add_row(&row?);
        }
        match reader.format() {
            Some(format) => Ok(counts.finish(format)),
            None => Err(JsonlError::Empty { file: reader.file().to_owned() }),
        }
    }
}

/// The running counts. They keep no rows: their size depends on the labels alone.
#[derive(Default)]
struct Counts {
    rows: u64,
    by_constraint_count: BTreeMap<usize, u64>,
    types: HashMap<ConstraintType, Tally>,
    dimensions: HashMap<ConstraintDimension, Tally>,
    unlabelled: u64,
    unknown: HashMap<String, UnknownTally>,
    operations: OperationCounts,
    lengths: LengthCounts,
}

/// Constraints and the instructions that have them.
#[derive(Default, Clone, Copy)]
struct Tally {
    constraints: u64,
    instructions: u64,
}

/// A label that names no dimension, and where it was seen; rows are counted from 1.
#[derive(Default)]
struct UnknownTally {
    constraints: u64,
    rows: u64,
    ids: Vec<String>,
    first_row: u64,
    last_row: u64,
}

impl Counts {
    fn add_row(&mut self, row: &DatasetRow) {
        self.rows += 1;
        self.lengths.add(row);
        if let DatasetRow::Group(group) = row {
            match group.operation {
                ConstraintOperation::Add => self.operations.add += 1,
                ConstraintOperation::Delete => self.operations.delete += 1,
                ConstraintOperation::Revise => self.operations.revise += 1,
            }
        }
        for instruction in row.instructions() {
            self.add_instruction(row.id().unwrap_or_default(), &instruction);
        }
    }

    fn add_instruction(&mut self, id: &str, instruction: &Instruction) {
        *self.by_constraint_count.entry(instruction.constraints.len()).or_default() += 1;
        let mut types = HashSet::new();
        let mut dimensions = HashSet::new();
        for constraint in &instruction.constraints {
            match &constraint.dimension {
                Some(DimensionLabel::Known(dimension)) => {
                    self.dimensions.entry(*dimension).or_default().constraints += 1;
                    self.types.entry(dimension.constraint_type()).or_default().constraints += 1;
                    dimensions.insert(*dimension);
                    types.insert(dimension.constraint_type());
                }
                Some(DimensionLabel::Unknown(label)) => self.add_unknown(id, label),
                None => self.unlabelled += 1,
            }
        }
        for dimension in dimensions {
            self.dimensions.entry(dimension).or_default().instructions += 1;
        }
        for kind in types {
            self.types.entry(kind).or_default().instructions += 1;
        }
    }

    fn add_unknown(&mut self, id: &str, label: &str) {
        let seen = self.unknown.entry(label.to_owned()).or_default();
        seen.constraints += 1;
        // Both instructions of a group may have the label: they are in one row.
        if seen.last_row == self.rows {
            return;
        }
        seen.last_row = self.rows;
        seen.rows += 1;
        if seen.ids.is_empty() {
            seen.first_row = self.rows;
        }
        if seen.ids.len() < MAX_IDS {
            seen.ids.push(id.to_owned());
        }
    }

    fn finish(self, format: DatasetFormat) -> DatasetStats {
        let labelled: u64 = self.types.values().map(|tally| tally.constraints).sum();
        let share = |tally: Tally| {
            if labelled == 0 { 0.0 } else { tally.constraints as f64 / labelled as f64 }
        };
        let type_count = |constraint_type| {
            let tally = self.types.get(&constraint_type).copied().unwrap_or_default();
            TypeCount {
                constraint_type,
                constraints: tally.constraints,
                instructions: tally.instructions,
                share: share(tally),
            }
        };
        let dimension_count = |dimension: ConstraintDimension| {
            let tally = self.dimensions.get(&dimension).copied().unwrap_or_default();
            DimensionCount {
                constraint_type: dimension.constraint_type(),
                dimension,
                constraints: tally.constraints,
                instructions: tally.instructions,
                share: share(tally),
            }
        };
        let types = ConstraintType::ALL.map(type_count).to_vec();
        let dimensions = ConstraintDimension::ALL.map(dimension_count).to_vec();
        let mut unknown: Vec<_> = self.unknown.into_iter().collect();
        unknown.sort_by_key(|(_, tally)| (Reverse(tally.constraints), tally.first_row));
        let unknown_label = |(label, tally): (String, UnknownTally)| UnknownLabelCount {
            label,
            constraints: tally.constraints,
            rows: tally.rows,
            ids: tally.ids,
        };
        DatasetStats {
            format,
            rows: self.rows,
            instructions: self.by_constraint_count.values().sum(),
            constraints: constraint_counts(&self.by_constraint_count),
            by_constraint_count: self.by_constraint_count,
            types,
            dimensions,
            unlabelled_constraints: self.unlabelled,
            unknown_labels: unknown.into_iter().map(unknown_label).collect(),
            operations: (format == DatasetFormat::PreferenceGroup).then_some(self.operations),
            lengths: self.lengths.finish(),
        }
    }
}

fn constraint_counts(by_count: &BTreeMap<usize, u64>) -> ConstraintCounts {
    let instructions: u64 = by_count.values().sum();
    let total = by_count.iter().map(|(&count, &instructions)| count as u64 * instructions).sum();
    let mean = if instructions == 0 { 0.0 } else { total as f64 / instructions as f64 };
    let min = by_count.keys().next().copied().unwrap_or_default();
    let max = by_count.keys().next_back().copied().unwrap_or_default();
    ConstraintCounts { total, min, max, mean }
}
