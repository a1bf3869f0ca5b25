//! The items of the benchmark, read from the user's own copy.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

/// How much a criterion matters to the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Priority {
    /// A primary requirement, `主需`.
    #[serde(rename = "主需")]
    Primary,
    /// A secondary requirement, `次需`.
    #[serde(rename = "次需")]
    Secondary,
}

impl Priority {
    /// Reads `主需` or `次需`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "主需" => Some(Self::Primary),
            "次需" => Some(Self::Secondary),
            _ => None,
        }
    }
}

/// The half of the benchmark that an item belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// The easy half.
    Easy,
    /// The hard half.
    Hard,
}

/// One thing that a response must satisfy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Criterion {
    /// The requirement, verbatim: some have white space around them.
    pub text: String,
    /// Its weight.
    pub priority: Priority,
    /// Its type and subtype, where the file has them.
    pub labels: Vec<String>,
}

/// One instruction with its criteria.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CfBenchItem {
    /// The item's `idx`.
    pub id: u64,
    /// The instruction.
    pub prompt: String,
    /// A reference answer, empty for most items.
    pub gold: String,
    /// The half it belongs to.
    pub split: Split,
    /// What a response must satisfy.
    pub criteria: Vec<Criterion>,
    /// The response to judge, in files that the official inference wrote.
    pub response: Option<String>,
}

/// Why a copy of the benchmark cannot be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CfBenchDataError {
    /// The file cannot be read as UTF-8 text.
    #[error("cannot read {}; pass the path of your own copy of CFBench's data", .file.display())]
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
    #[error("item {index} of {}{}: {source}", .file.display(), id_text(.id))]
    Shape {
        /// The file.
        file: PathBuf,
        /// The item, counted from 0.
        index: usize,
        /// Its `idx`, where it could be read.
        id: Option<u64>,
        /// What the JSON parser says.
        source: serde_json::Error,
    },
    /// An item has no criteria.
    #[error("item {index} of {}{}: no criteria", .file.display(), id_text(.id))]
    NoCriteria {
        /// The file.
        file: PathBuf,
        /// The item, counted from 0.
        index: usize,
        /// Its `idx`.
        id: Option<u64>,
    },
    /// Two items have the same `idx`.
    #[error("item {index} of {}: the idx {id} is that of an earlier item", .file.display())]
    DuplicateId {
        /// The file.
        file: PathBuf,
        /// The later item, counted from 0.
        index: usize,
        /// The `idx`.
        id: u64,
    },
}

fn id_text(id: &Option<u64>) -> String {
    id.map_or_else(String::new, |id| format!(" (idx {id})"))
}

#[derive(Deserialize)]
struct FileItem {
    idx: u64,
    prompt: String,
    #[serde(default)]
    gold: Option<String>,
    split: Split,
    criteria: Vec<FileCriterion>,
    #[serde(default)]
    response: Option<String>,
}

/// `[text, priority]`, then labels, some of which are null.
struct FileCriterion(Criterion);

impl<'de> Deserialize<'de> for FileCriterion {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut parts = Vec::<Value>::deserialize(deserializer)?;
        let labels = parts.split_off(parts.len().min(2));
        let (text, priority): (String, Priority) =
            serde_json::from_value(Value::Array(parts)).map_err(serde::de::Error::custom)?;
        let labels = labels.iter().filter_map(Value::as_str).filter(|label| !label.is_empty());
        Ok(Self(Criterion { text, priority, labels: labels.map(str::to_owned).collect() }))
    }
}

/// Reads `cfbench_data.json`, or a file of responses that the official inference wrote from it.
///
/// The benchmark has no licence and is not part of this project.
///
/// # Errors
///
/// A file that cannot be read, or the first item that is wrong, with its index and `idx`.
pub fn load_items(path: &Path) -> Result<Vec<CfBenchItem>, CfBenchDataError> {
    let file = path.to_owned();
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(source) => return Err(CfBenchDataError::Read { file, source }),
    };
    let rows: Vec<Value> = match serde_json::from_str(&text) {
        Ok(rows) => rows,
        Err(source) => return Err(CfBenchDataError::NotAnArray { file, source }),
    };
    let mut seen = std::collections::HashSet::new();
    let mut items = Vec::with_capacity(rows.len());
    for (index, row) in rows.into_iter().enumerate() {
        let item = item(&file, index, row)?;
        if !seen.insert(item.id) {
            return Err(CfBenchDataError::DuplicateId { file, index, id: item.id });
        }
        items.push(item);
    }
    Ok(items)
}

fn item(file: &Path, index: usize, row: Value) -> Result<CfBenchItem, CfBenchDataError> {
    let id = row.get("idx").and_then(Value::as_u64);
    let item: FileItem = match serde_json::from_value(row) {
        Ok(item) => item,
        Err(source) => return Err(CfBenchDataError::Shape { file: file.to_owned(), index, id, source }),
    };
    if item.criteria.is_empty() {
        return Err(CfBenchDataError::NoCriteria { file: file.to_owned(), index, id });
    }
    Ok(CfBenchItem {
        id: item.idx,
        prompt: item.prompt,
        gold: item.gold.unwrap_or_default(),
        split: item.split,
        criteria: item.criteria.into_iter().map(|FileCriterion(criterion)| criterion).collect(),
        response: item.response,
    })
}
