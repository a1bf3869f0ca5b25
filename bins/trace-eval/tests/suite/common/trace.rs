//! Evaluation rows, answers and judgements for tests.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use trace_schema::{Constraint, ConstraintDimension, EvalRow, Instruction};

use super::rows;

/// The text of a constraint; it names its row, so that a judge can tell which answer it is shown.
pub fn constraint(row: usize, place: usize) -> String {
    format!("{}. Rule {place} of row {row:03}", place + 1)
}

/// Rows of two constraints, but for the first, which has one.
pub fn eval_rows(folder: &Path, count: usize) -> PathBuf {
    let eval_row = |row: usize| {
        let constraints = (0..if row == 0 { 1 } else { 2 })
            .map(|place| Constraint::new(constraint(row, place), ConstraintDimension::ALL[place]))
            .collect();
        let instruction = Instruction { description: format!("Task {row:03}"), constraints, input: None };
        serde_json::to_value(EvalRow::new(row.to_string(), &instruction, "trace1.0").unwrap()).unwrap()
    };
    rows(folder, "eval.jsonl", &(0..count).map(eval_row).collect::<Vec<_>>())
}

/// Answers to all rows but those named.
pub fn answers(folder: &Path, name: &str, count: usize, without: &[usize]) -> PathBuf {
    let with = (0..count).filter(|row| !without.contains(row));
    let answer =
        |row: usize| json!({"id": row.to_string(), "response": format!("Answer {row:03}"), "model": "m"});
    rows(folder, name, &with.map(answer).collect::<Vec<_>>())
}

/// The row that a judge's prompt is about.
pub fn row_of(prompt: &str) -> usize {
    let place = prompt.rfind("of row ").unwrap() + "of row ".len();
    prompt[place..place + 3].parse().unwrap()
}

/// What a judge answers that gives these scores.
pub fn judgement(row: usize, scores: &[u8]) -> String {
    let entries =
        scores.iter().enumerate().map(|(place, score)| (constraint(row, place), Value::from(*score)));
    let overall = f64::from(scores.iter().map(|score| u32::from(*score)).sum::<u32>()) / scores.len() as f64;
    let scores = Value::Object(entries.collect());
    format!("- Fine Grained Score: [{scores}]\n- Constraints Overall Score: [[{overall}]]")
}
