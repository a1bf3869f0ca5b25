//! The items of the benchmark, read from the user's own copy.

use std::path::Path;

use iopo_files::deserialize_whole;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::data::{DataError, read_items};

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

#[derive(Deserialize)]
struct FileItem {
    #[serde(deserialize_with = "deserialize_whole")]
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
pub fn load_items(path: &Path) -> Result<Vec<CfBenchItem>, DataError> {
    let items = read_items(path, "idx", |item: &FileItem| match item.criteria.is_empty() {
        true => Err("no criteria".to_owned()),
        false => Ok(()),
    })?;
    let item = |item: FileItem| CfBenchItem {
        id: item.idx,
        prompt: item.prompt,
        gold: item.gold.unwrap_or_default(),
        split: item.split,
        criteria: item.criteria.into_iter().map(|FileCriterion(criterion)| criterion).collect(),
        response: item.response,
    };
    Ok(items.into_iter().map(item).collect())
}
