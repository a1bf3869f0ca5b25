//! One answer of a system: a row of what `trace-eval answer` writes and the judging commands read.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Result, bail};
use iopo_cli::note;
use serde::{Deserialize, Serialize};
use trace_schema::{JsonlReader, Record, RowError, UnknownLabels, excerpt, values};
use trace_score::ReasoningCounts;

/// An answer. IFEval's readers take the same rows, since these have Google's keys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct AnswerRow {
    /// The id of the prompt.
    #[serde(deserialize_with = "values::id")]
    pub(crate) id: String,
    /// The text of the last user message; what is judged must have been asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) prompt: Option<String>,
    /// The answer, null if the model gave no answer. A row without the key is an error: its answer may stand under
    /// another name.
    #[serde(alias = "answer", deserialize_with = "Option::deserialize")]
    pub(crate) response: Option<String>,
    /// The model that was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) model: Option<String>,
    /// The reasoning before the answer, where it is kept apart.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reasoning: Option<String>,
    /// Why the answer ended, as the endpoint says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) finish_reason: Option<String>,
    /// Why there is no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) failed: Option<String>,
}

/// Why an answer that ends within its reasoning is not used.
pub(crate) const WITHOUT_END: &str = "the answer is incomplete: it ends within its reasoning";

/// A remark on answers from which reasoning was taken.
pub(crate) fn note_reasoning(counts: &ReasoningCounts) {
    let ReasoningCounts { stripped, incomplete, .. } = counts;
    if *stripped > 0 {
        note(format!(
            "note: reasoning was taken out of {stripped} answers, of which {incomplete} end within it; --reasoning keep \
             leaves it in"
        ));
    }
}

impl Record for AnswerRow {
    fn id(&self) -> Option<&str> {
        Some(&self.id)
    }

    fn validate(&self, _: UnknownLabels) -> Result<(), RowError> {
        match self.id.trim().is_empty() {
            true => Err(RowError::invalid("the id is empty")),
            false => Ok(()),
        }
    }
}

/// Reads answers by their ids, which must differ.
pub(crate) fn read_answers(path: &Path) -> Result<HashMap<String, AnswerRow>> {
    let mut by_id = HashMap::new();
    for row in JsonlReader::<_, AnswerRow>::open(path)? {
        let row = row?;
        if let Some(first) = by_id.insert(row.id.clone(), row) {
            bail!("{} has the id {:?} more than once", path.display(), excerpt(&first.id));
        }
    }
    Ok(by_id)
}

/// The model as the answers name it, if all name the same.
pub(crate) fn the_model<'a>(answers: impl Iterator<Item = &'a AnswerRow>) -> Option<String> {
    let models: std::collections::BTreeSet<_> = answers.map(|row| row.model.as_deref()).collect();
    match models.len() {
        1 => models.into_iter().next().flatten().map(str::to_owned),
        _ => None,
    }
}

/// The answer, or the reason why there is no answer.
pub(crate) fn answer_or_reason(answer: Option<AnswerRow>) -> Result<String, String> {
    let none = || "there is no answer to judge".to_owned();
    match answer {
        Some(AnswerRow { response: Some(response), .. }) => Ok(response),
        Some(AnswerRow { failed: Some(reason), .. }) => Err(format!("{}: {reason}", none())),
        _ => Err(none()),
    }
}

/// Checks that every answer was to something.
pub(crate) fn check_nothing_left(by_id: &HashMap<String, AnswerRow>, path: &Path) -> Result<()> {
    match by_id.keys().min() {
        None => Ok(()),
        Some(id) => bail!(
            "{} of the answers in {} are to none of the rows, for instance that with the id {:?}",
            by_id.len(),
            path.display(),
            excerpt(id)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_under_another_key_is_no_missing_answer() {
        let read = |row: &str| serde_json::from_str::<AnswerRow>(row).map(|row| (row.id, row.response));
        assert!(
            read(r#"{"id": "a", "output": "b"}"#)
                .is_err_and(|error| error.to_string().contains("`response`"))
        );
        assert!(read(r#"{"id": 7.0, "response": null}"#).is_ok_and(|row| row == ("7".to_owned(), None)));
        assert!(read(r#"{"id": "a", "answer": "b"}"#).is_ok_and(|row| row.1.as_deref() == Some("b")));
    }
}
