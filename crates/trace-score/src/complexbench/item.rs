//! The items of the benchmark, read from the user's own copy.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

/// One question about a response.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScoringQuestion {
    /// Its place among the item's questions, from 0.
    pub point_id: usize,
    /// The question, in Chinese.
    pub question: String,
    /// The rule that answers it; without one a judge does.
    #[serde(default)]
    pub rule: Option<String>,
    /// The dimensions of the constraint that it is about.
    pub constraint_dimensions: Vec<String>,
    /// How the constraint is composed with others.
    pub composition_types: Vec<String>,
    /// The questions that must be satisfied first.
    pub dep: Vec<i64>,
}

/// One instruction with its questions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComplexBenchItem {
    /// The item's own number.
    pub main_id: i64,
    /// The group of variants that it belongs to.
    pub group: String,
    /// Its place in the group.
    pub idx_in_group: i64,
    /// The instruction, in Chinese.
    pub instruction: String,
    /// The kind of task.
    pub task_types: String,
    /// How its constraints are composed.
    pub composition_types: Vec<String>,
    /// Composition and depth, such as `Selection_2`.
    pub category: String,
    /// What is asked about a response.
    pub scoring_questions: Vec<ScoringQuestion>,
}

/// Why a copy of the benchmark, or a file of responses to it, cannot be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ComplexBenchDataError {
    /// The file cannot be read as UTF-8 text.
    #[error("cannot read {}; pass the path of your own copy", .file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is no JSON array.
    #[error("{} is not a JSON array of items", .file.display())]
    NotAnArray {
        /// The file.
        file: PathBuf,
        /// What the JSON parser says; it names the line.
        source: serde_json::Error,
    },
    /// An item lacks a key or has a value of the wrong kind.
    #[error("item {index} of {} (main_id {}): {source}", .file.display(), .main_id.map_or("unknown".to_owned(), |id| id.to_string()))]
    Shape {
        /// The file.
        file: PathBuf,
        /// The item, counted from 0.
        index: usize,
        /// Its `main_id`, where it could be read.
        main_id: Option<i64>,
        /// What the JSON parser says.
        source: serde_json::Error,
    },
    /// A question's `point_id` is not its place.
    #[error("item {index} of {} (main_id {main_id}): question {place} has the point_id {point_id}", .file.display())]
    PointId {
        /// The file.
        file: PathBuf,
        /// The item, counted from 0.
        index: usize,
        /// Its `main_id`.
        main_id: i64,
        /// The question's place.
        place: usize,
        /// What it says instead.
        point_id: usize,
    },
    /// A question rests on one that the item does not have.
    #[error("item {index} of {} (main_id {main_id}): question {place} rests on question {dep}, which is not there", .file.display())]
    Dependency {
        /// The file.
        file: PathBuf,
        /// The item, counted from 0.
        index: usize,
        /// Its `main_id`.
        main_id: i64,
        /// The question's place.
        place: usize,
        /// The missing question.
        dep: i64,
    },
    /// Two items have the same `main_id`.
    #[error("item {index} of {}: the main_id {main_id} is that of an earlier item", .file.display())]
    DuplicateId {
        /// The file.
        file: PathBuf,
        /// The later item, counted from 0.
        index: usize,
        /// The `main_id`.
        main_id: i64,
    },
    /// A line of responses is not `{"generated": text or null, ...}`.
    #[error("line {line} of {}: not a response", .file.display())]
    Response {
        /// The file.
        file: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What the JSON parser says.
        source: serde_json::Error,
    },
    /// There are more or fewer responses than items. The official code silently drops the rest of the longer list.
    #[error("{} has {responses} responses for {items} items", .file.display())]
    CountMismatch {
        /// The file of responses.
        file: PathBuf,
        /// The number of responses.
        responses: usize,
        /// The number of items.
        items: usize,
    },
}

/// Reads `data_final.json`.
///
/// # Errors
///
/// A file that cannot be read, or the first item that is wrong, with its index and `main_id`.
pub fn load_items(path: &Path) -> Result<Vec<ComplexBenchItem>, ComplexBenchDataError> {
    let file = path.to_owned();
    let text = read(path)?;
    let rows: Vec<Value> = match serde_json::from_str(&text) {
        Ok(rows) => rows,
        Err(source) => return Err(ComplexBenchDataError::NotAnArray { file, source }),
    };
    let mut seen = HashSet::new();
    let mut items = Vec::with_capacity(rows.len());
    for (index, row) in rows.into_iter().enumerate() {
        let main_id = row.get("main_id").and_then(Value::as_i64);
        let item: ComplexBenchItem = match serde_json::from_value(row) {
            Ok(item) => item,
            Err(source) => return Err(ComplexBenchDataError::Shape { file, index, main_id, source }),
        };
        check_questions(&file, index, &item)?;
        if !seen.insert(item.main_id) {
            return Err(ComplexBenchDataError::DuplicateId { file, index, main_id: item.main_id });
        }
        items.push(item);
    }
    Ok(items)
}

fn check_questions(file: &Path, index: usize, item: &ComplexBenchItem) -> Result<(), ComplexBenchDataError> {
    let (file, main_id, count) = (|| file.to_owned(), item.main_id, item.scoring_questions.len());
    for (place, question) in item.scoring_questions.iter().enumerate() {
        if question.point_id != place {
            let point_id = question.point_id;
            return Err(ComplexBenchDataError::PointId { file: file(), index, main_id, place, point_id });
        }
        let known = |dep: &i64| usize::try_from(*dep).is_ok_and(|dep| dep < count);
        if let Some(&dep) = question.dep.iter().find(|dep| !known(dep)) {
            return Err(ComplexBenchDataError::Dependency { file: file(), index, main_id, place, dep });
        }
    }
    Ok(())
}

/// Reads responses to `items`, one JSON line for each in the same order, as the benchmark publishes them.
///
/// A response is `None` where the file has null: count it as failed, and report it.
///
/// # Errors
///
/// A file that cannot be read, a line without `generated`, or another number of lines than of items.
pub fn load_responses(
    path: &Path,
    items: &[ComplexBenchItem],
) -> Result<Vec<Option<String>>, ComplexBenchDataError> {
    #[derive(Deserialize)]
    struct Line {
        generated: Value,
    }
    let file = path.to_owned();
    let mut responses = Vec::with_capacity(items.len());
    for (index, line) in read(path)?.lines().enumerate() {
        let parsed = serde_json::from_str::<Line>(line)
            .and_then(|line| serde_json::from_value::<Option<String>>(line.generated));
        match parsed {
            Ok(response) => responses.push(response),
            Err(source) => return Err(ComplexBenchDataError::Response { file, line: index + 1, source }),
        }
    }
    match responses.len() == items.len() {
        true => Ok(responses),
        false => {
            let (responses, items) = (responses.len(), items.len());
            Err(ComplexBenchDataError::CountMismatch { file, responses, items })
        }
    }
}

fn read(path: &Path) -> Result<String, ComplexBenchDataError> {
    fs::read_to_string(path).map_err(|source| ComplexBenchDataError::Read { file: path.to_owned(), source })
}
