//! Rows as the template sees them.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;
use trace_schema::{Constraint, ConstraintType, DatasetRow, Instruction, Provenance};

use super::diff::{Aligned, Change, Span, align, plain, spans};

/// A row of the file.
#[derive(Debug, Serialize)]
pub(super) struct RowView {
    number: u64,
    id: String,
    /// The operation of a group, or what else the row is.
    pub(super) kind: &'static str,
    /// The dimensions of all constraints, each once.
    pub(super) dimensions: BTreeSet<String>,
    /// The numbers of constraints, one for each instruction.
    pub(super) counts: Vec<usize>,
    /// Both of them as the script reads them.
    dimensions_json: String,
    counts_json: String,
    /// The start of the row.
    start: String,
    sides: Vec<&'static str>,
    parts: Vec<PartView>,
    responses: Vec<ResponseView>,
    provenance: Vec<(String, String)>,
}

/// A part of the instructions, with what each of them has of it.
#[derive(Debug, Serialize)]
struct PartView {
    change: Change,
    cells: Vec<Option<CellView>>,
}

#[derive(Debug, Serialize)]
struct CellView {
    side: &'static str,
    spans: Vec<Span>,
    dimension: Option<DimensionView>,
    /// The CSS class: "description", "constraint" or "input".
    class: &'static str,
}

#[derive(Debug, Clone, Serialize)]
struct DimensionView {
    name: String,
    /// The colour of its type, one of those of the style sheet.
    colour: usize,
}

#[derive(Debug, Serialize)]
struct ResponseView {
    name: &'static str,
    text: String,
}

impl RowView {
    pub(super) fn of(number: u64, row: &DatasetRow) -> Self {
        let instructions = row.instructions();
        let (kind, sides, names): (_, &[_], &[_]) = match row {
            DatasetRow::Group(group) => (group.operation.name(), &["x1", "x2"], &["y1", "y2"]),
            DatasetRow::Pair(_) => ("pair", &["x"], &["chosen", "rejected"]),
            DatasetRow::Completion(_) => ("completion", &["x"], &["y"]),
            DatasetRow::Eval(_) => ("evaluation", &["x"], &[]),
        };
        let parts = match instructions.as_slice() {
            [first, second] => compare(first, second),
            [one] => list(one),
            _ => row.prompts().iter().map(|prompt| part_of_one("description", prompt, None)).collect(),
        };
        let constraints = instructions.iter().flat_map(|instruction| &instruction.constraints);
        let dimensions: BTreeSet<String> =
            constraints.filter_map(|one| Some(one.dimension.as_ref()?.name().to_owned())).collect();
        let counts: Vec<usize> =
            instructions.iter().map(|instruction| instruction.constraints.len()).collect();
        let response = |(name, text): (&&'static str, &str)| ResponseView { name, text: text.to_owned() };
        Self {
            number,
            id: row.id().unwrap_or_default().to_owned(),
            kind,
            dimensions_json: Value::from_iter(dimensions.iter().cloned()).to_string(),
            counts_json: Value::from_iter(counts.iter().copied()).to_string(),
            dimensions,
            counts,
            start: row.prompts().first().map(|prompt| prompt.chars().take(200).collect()).unwrap_or_default(),
            sides: sides.to_vec(),
            parts,
            responses: names.iter().zip(row.responses()).map(response).collect(),
            provenance: provenance_of(row).map(key_values).unwrap_or_default(),
        }
    }
}

/// Two instructions side by side.
fn compare(first: &Instruction, second: &Instruction) -> Vec<PartView> {
    let mut parts = vec![compare_texts("description", Some(&first.description), Some(&second.description))];
    parts.extend(align(&first.constraints, &second.constraints).into_iter().map(constraint_part));
    if first.input.is_some() || second.input.is_some() {
        parts.push(compare_texts("input", first.input.as_deref(), second.input.as_deref()));
    }
    parts
}

fn compare_texts(class: &'static str, first: Option<&str>, second: Option<&str>) -> PartView {
    let change = match (first, second) {
        (None, Some(_)) => Change::Added,
        (Some(_), None) => Change::Deleted,
        (first, second) if first == second => Change::Same,
        _ => Change::Revised,
    };
    part_of_two(class, change, (first, None), (second, None))
}

fn constraint_part(aligned: Aligned<'_>) -> PartView {
    part_of_two("constraint", aligned.change, labelled(aligned.first), labelled(aligned.second))
}

/// A text and its dimension.
type Labelled<'a> = (Option<&'a str>, Option<DimensionView>);

fn labelled(constraint: Option<&Constraint>) -> Labelled<'_> {
    (constraint.map(|one| one.text.as_str()), constraint.and_then(dimension_of))
}

fn part_of_two(class: &'static str, change: Change, first: Labelled<'_>, second: Labelled<'_>) -> PartView {
    let (left, right) = match (change, first.0, second.0) {
        (Change::Revised, Some(first), Some(second)) => {
            let (left, right) = spans(first, second);
            (Some(left), Some(right))
        }
        (_, first, second) => (first.map(plain), second.map(plain)),
    };
    let cell = |side, spans: Option<Vec<Span>>, dimension| {
        spans.map(|spans| CellView { side, spans, dimension, class })
    };
    PartView { change, cells: vec![cell("x1", left, first.1), cell("x2", right, second.1)] }
}

/// One instruction.
fn list(instruction: &Instruction) -> Vec<PartView> {
    let constraint = |one: &Constraint| part_of_one("constraint", &one.text, dimension_of(one));
    let description = part_of_one("description", &instruction.description, None);
    let input = instruction.input.iter().map(|input| part_of_one("input", input, None));
    std::iter::once(description).chain(instruction.constraints.iter().map(constraint)).chain(input).collect()
}

fn part_of_one(class: &'static str, text: &str, dimension: Option<DimensionView>) -> PartView {
    let cell = CellView { side: "x", spans: plain(text), dimension, class };
    PartView { change: Change::Same, cells: vec![Some(cell)] }
}

fn dimension_of(constraint: &Constraint) -> Option<DimensionView> {
    let label = constraint.dimension.as_ref()?;
    let kind = label.dimension().map(|dimension| dimension.constraint_type());
    let colour = ConstraintType::ALL.into_iter().position(|one| Some(one) == kind);
    // What names no dimension is grey, the last colour.
    Some(DimensionView { name: label.name().to_owned(), colour: colour.unwrap_or(6) })
}

fn provenance_of(row: &DatasetRow) -> Option<&Provenance> {
    match row {
        DatasetRow::Group(group) => group.provenance.as_ref(),
        DatasetRow::Pair(pair) => pair.provenance.as_ref(),
        DatasetRow::Completion(row) => row.provenance.as_ref(),
        DatasetRow::Eval(_) => None,
    }
}

/// The parts of a provenance that are there, as its JSON names them.
fn key_values(provenance: &Provenance) -> Vec<(String, String)> {
    let Ok(Value::Object(object)) = serde_json::to_value(provenance) else {
        return Vec::new();
    };
    let text = |value: Value| match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    object.into_iter().map(|(key, value)| (key.replace('_', " "), text(value))).collect()
}
