//! Keys of rows that are not read: nothing of a row is dropped in silence.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::{RowLocation, excerpt};

/// What follows from a key that a format does not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unread {
    /// It says nothing, or what holds anyway: null, an empty text, a weight of 1.
    Silent,
    /// It may be left out, and is counted.
    Counted,
    /// Without it the row would mean something else; the text says what to do instead.
    Refused(&'static str),
}

/// What rows are read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// They are trained on.
    Training,
    /// They are trained on, and the user has named the keys to read: any other is only counted.
    NamedKeys,
    /// They are prompts: weights and labels change nothing.
    Prompts,
}

impl Unread {
    /// Decides by the name of the key and by its value.
    pub fn of(key: &str, value: &Value, purpose: Purpose) -> Self {
        const TEXT_ONLY: &str = "only text is read";
        const TOOLS: &str = "calls of tools are not supported";
        const WEIGHT: &str = "rows have no weights: repeat a row, or leave it out";
        const LABEL: &str = "write pairs of chosen and rejected";
        if says_nothing(value) || matches!(key, "id" | "provenance") {
            return Self::Silent;
        }
        match key {
            _ if purpose == Purpose::NamedKeys => Self::Counted,
            "system" => Self::Refused("write it as the first message, with the role system"),
            "history" => Self::Refused("write the earlier turns as messages"),
            "tools" | "functions" | "tool_calls" | "function_call" | "tool_call_id" => Self::Refused(TOOLS),
            "image" | "images" | "video" | "videos" | "audio" | "audios" => Self::Refused(TEXT_ONLY),
            "chat_template_kwargs" => Self::Refused("arguments of a chat template are not supported"),
            _ if purpose == Purpose::Prompts => Self::Counted,
            "weight" | "weights" | "loss_weight" | "sample_weight" | "train" | "train_detail" => {
                if flag(value) == Some(true) { Self::Silent } else { Self::Refused(WEIGHT) }
            }
            "kto_tag" => Self::Refused(LABEL),
            // A label in words says what a row is about; true and false say whether its response is good.
            "label" if value.is_boolean() || value.is_number() => Self::Refused(LABEL),
            _ => Self::Counted,
        }
    }
}

/// The keys of a row that are not read and say something.
///
/// # Errors
///
/// The first key without which the row would mean something else, and what to do.
pub fn unread_keys(
    row: &Map<String, Value>,
    is_read: impl Fn(&str) -> bool,
    purpose: Purpose,
) -> Result<Vec<&str>, String> {
    let mut unread = Vec::new();
    for (key, value) in row.iter().filter(|(key, _)| !is_read(key)) {
        match Unread::of(key, value, purpose) {
            Unread::Silent => {}
            Unread::Counted => unread.push(key.as_str()),
            Unread::Refused(instead) => return Err(refused(key, instead)),
        }
    }
    Ok(unread)
}

/// The message about a key without which the row would mean something else.
pub fn refused(place: &str, instead: &str) -> String {
    format!("\"{place}\" is not used here, and the row means something else without it: {instead}")
}

/// True, false, or the numbers that mean them.
pub fn flag(value: &Value) -> Option<bool> {
    match (value.as_bool(), value.as_f64()) {
        (Some(flag), _) => Some(flag),
        (_, Some(1.0)) => Some(true),
        (_, Some(0.0)) => Some(false),
        _ => None,
    }
}

/// Whether a value stands for an absent one: null, or nothing but empty texts and lists, also as the text of such JSON.
pub fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => matches!(text.trim(), "" | "[]" | "{}" | "null"),
        Value::Array(list) => list.iter().all(says_nothing),
        Value::Object(map) => map.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// How many rows have keys that were not read, by key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnusedKeys(BTreeMap<String, Rows>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Rows {
    count: u64,
    first: RowLocation,
}

impl UnusedKeys {
    /// The most keys that [`lines`](Self::lines) names.
    const SHOWN: usize = 20;

    /// Counts a row that has the key.
    pub fn add(&mut self, key: &str, row: &RowLocation) {
        let rows = self.0.entry(excerpt(key).into_owned());
        rows.or_insert_with(|| Rows { count: 0, first: row.clone() }).count += 1;
    }

    /// Adds the counts of rows that come after these.
    pub fn append(&mut self, later: Self) {
        for (key, rows) in later.0 {
            match self.0.get_mut(&key) {
                Some(mine) => mine.count += rows.count,
                None => drop(self.0.insert(key, rows)),
            }
        }
    }

    /// A line for each key: its name, how many rows have it, and the first of them.
    pub fn lines(&self) -> Vec<String> {
        let line = |(key, Rows { count, first }): (&String, &Rows)| {
            let rows = if *count == 1 { "1 row" } else { &format!("{count} rows") };
            format!("`{key}` is not used in {rows}, first {first}")
        };
        let mut lines: Vec<String> = self.0.iter().take(Self::SHOWN).map(line).collect();
        match self.0.len().saturating_sub(Self::SHOWN) {
            0 => {}
            more => lines.push(format!("{more} more keys are not used")),
        }
        lines
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use serde_json::json;

    use super::*;

    fn row(row: u64) -> RowLocation {
        RowLocation { file: "rows.jsonl".to_owned(), row, id: None }
    }

    #[test]
    fn unread_keys_are_counted_with_the_first_row() {
        let mut keys = UnusedKeys::default();
        keys.add("score", &row(2));
        let mut later = UnusedKeys::default();
        later.add("score", &row(3));
        later.add("source", &row(3));
        keys.append(later);
        let lines = [
            "`score` is not used in 2 rows, first row 2 of rows.jsonl",
            "`source` is not used in 1 row, first row 3 of rows.jsonl",
        ];
        assert_eq!(keys.lines(), lines);
    }

    #[test]
    fn thousands_of_keys_are_a_few_lines() {
        let mut keys = UnusedKeys::default();
        (0..1000).for_each(|number| keys.add(&format!("{number}{}", "x".repeat(1000)), &row(1)));
        let lines = keys.lines();
        assert_eq!(lines.len(), 21);
        assert_eq!(lines[20], "980 more keys are not used");
        assert!(lines.iter().all(|line| line.chars().count() < 150));
    }

    #[test]
    fn a_key_that_changes_the_meaning_is_refused_and_one_that_says_nothing_is_silent() {
        let object = |value: Value| value.as_object().cloned().unwrap();
        let none = |_: &str| false;
        for key in
            ["system", "history", "tools", "images", "weight", "train", "label", "kto_tag", "loss_weight"]
        {
            let row = object(json!({key: 0}));
            let error = unread_keys(&row, none, Purpose::Training).unwrap_err();
            assert!(error.starts_with(&format!("\"{key}\" is not used here")), "{error}");
            for empty in
                [json!(null), json!(""), json!([]), json!({}), json!("[]"), json!(" null"), json!([null])]
            {
                assert_eq!(unread_keys(&object(json!({key: empty})), none, Purpose::Training), Ok(vec![]));
            }
            assert_eq!(unread_keys(&row, |read| read == key, Purpose::Training), Ok(vec![]));
            assert_eq!(unread_keys(&row, none, Purpose::NamedKeys), Ok(vec![key]));
        }
        let marks = object(json!({"weight": 0.5, "label": 1, "kto_tag": true, "train": false}));
        assert_eq!(unread_keys(&marks, none, Purpose::Prompts).map(|keys| keys.len()), Ok(4));
        assert!(unread_keys(&object(json!({"tools": [1]})), none, Purpose::Prompts).is_err());
        let rest = object(json!({"id": 7, "weight": 1.0, "train": true, "label": "poems", "score": 0.5}));
        assert_eq!(unread_keys(&rest, none, Purpose::Training), Ok(vec!["label", "score"]));
    }
}
