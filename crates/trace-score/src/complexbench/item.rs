//! The items of the benchmark, read from the user's own copy.

use std::path::Path;

use iopo_files::deserialize_whole;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::data::{DataError, read_items, read_text};

/// One question about a response.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScoringQuestion {
    /// Its place among the item's questions, from 0.
    #[serde(deserialize_with = "deserialize_whole")]
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
    #[serde(deserialize_with = "whole_numbers")]
    pub dep: Vec<i64>,
}

/// One instruction with its questions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComplexBenchItem {
    /// The item's own number.
    #[serde(deserialize_with = "deserialize_whole")]
    pub main_id: i64,
    /// The group of variants that it belongs to.
    pub group: String,
    /// Its place in the group.
    #[serde(deserialize_with = "deserialize_whole")]
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

fn whole_numbers<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<i64>, D::Error> {
    #[derive(Deserialize)]
    struct Whole(#[serde(deserialize_with = "deserialize_whole")] i64);
    Ok(Vec::<Whole>::deserialize(deserializer)?.into_iter().map(|Whole(number)| number).collect())
}

/// Reads `data_final.json`.
///
/// # Errors
///
/// A file that cannot be read, or the first item that is wrong, with its index and `main_id`.
pub fn load_items(path: &Path) -> Result<Vec<ComplexBenchItem>, DataError> {
    read_items(path, "main_id", check_questions)
}

fn check_questions(item: &ComplexBenchItem) -> Result<(), String> {
    let count = item.scoring_questions.len();
    for (place, question) in item.scoring_questions.iter().enumerate() {
        if question.point_id != place {
            return Err(format!("question {place} has the point_id {}", question.point_id));
        }
        let known = |dep: &i64| usize::try_from(*dep).is_ok_and(|dep| dep < count);
        if let Some(dep) = question.dep.iter().find(|dep| !known(dep)) {
            return Err(format!("question {place} rests on question {dep}, and there are {count}"));
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
/// A file that cannot be read, a line without `generated`, or another number of lines than of items; the official
/// program drops the rest of the longer list.
pub fn load_responses(path: &Path, items: &[ComplexBenchItem]) -> Result<Vec<Option<String>>, DataError> {
    #[derive(Deserialize)]
    struct Line {
        generated: Value,
    }
    let read = |(index, line): (usize, &str)| {
        let parsed = serde_json::from_str::<Line>(line)
            .and_then(|line| serde_json::from_value::<Option<String>>(line.generated));
        parsed.map_err(|source| {
            let place = format!("line {} of {}", index + 1, path.display());
            DataError::invalid(place, format!("not a response: {source}"))
        })
    };
    let responses: Vec<_> = read_text(path)?.lines().enumerate().map(read).collect::<Result<_, _>>()?;
    match responses.len() == items.len() {
        true => Ok(responses),
        false => {
            let reason = format!("{} responses for {} items", responses.len(), items.len());
            Err(DataError::invalid(path.display().to_string(), reason))
        }
    }
}
