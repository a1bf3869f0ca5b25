//! A row that data construction did not keep.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::record::check_id;
use crate::{Provenance, Record, RowError, UnknownLabels};

/// A row that was rejected while data was built: where, why, and what there was of it.
///
/// A seed whose response is kept can still fail to give a preference pair or a group, so an id may come more than
/// once in a file, each time with another stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RejectedRow {
    /// The id of the seed.
    pub id: String,
    /// The stage that rejected it, in kebab case: `structuring`.
    pub stage: String,
    /// The kind of reason, in kebab case: `poor-instruction`.
    pub reason: String,
    /// What else there is to say, in the words of the judge or of the check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What there was of the row when it was rejected, an object whose keys depend on the stage.
    pub row: Value,
    /// How the row was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provenance: Option<Provenance>,
}

impl Record for RejectedRow {
    fn id(&self) -> Option<&str> {
        Some(&self.id)
    }

    fn validate(&self, _: UnknownLabels) -> Result<(), RowError> {
        check_id(&self.id)?;
        check_kebab_case("stage", &self.stage)?;
        check_kebab_case("reason", &self.reason)
    }
}

/// Words of lower-case letters and digits with single hyphens between them.
fn check_kebab_case(field: &str, name: &str) -> Result<(), RowError> {
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    match name.split('-').all(is_word) {
        true => Ok(()),
        false => Err(RowError::NotKebabCase { field: field.to_owned(), name: name.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{JsonlReader, to_json_line};

    fn row(stage: &str, reason: &str) -> RejectedRow {
        RejectedRow {
            id: "seed-1".to_owned(),
            stage: stage.to_owned(),
            reason: reason.to_owned(),
            detail: Some("the passage is missing".to_owned()),
            row: json!({"seed": "Sum it up."}),
            provenance: None,
        }
    }

    #[test]
    fn rejected_rows_round_trip() -> Result<(), Box<dyn std::error::Error>> {
        let rejected = row("quality-control", "incomplete");
        let line = to_json_line(&rejected)?;
        let read: Vec<RejectedRow> =
            JsonlReader::new(line.as_bytes(), "r.jsonl").collect::<Result<_, _>>()?;
        assert_eq!(read, [rejected]);
        Ok(())
    }

    #[test]
    fn names_of_stages_and_reasons_are_in_kebab_case() {
        assert_eq!(row("response", "low-score-2").validate(UnknownLabels::Error), Ok(()));
        for wrong in ["", "Low", "low_score", "-low", "low--score", "low score", "\u{e9}"] {
            let error =
                |field: &str| Err(RowError::NotKebabCase { field: field.to_owned(), name: wrong.to_owned() });
            assert_eq!(row(wrong, "low-score").validate(UnknownLabels::Error), error("stage"));
            assert_eq!(row("response", wrong).validate(UnknownLabels::Error), error("reason"));
        }
    }
}
