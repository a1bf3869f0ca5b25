//! Rows of data sets, and answers of judges.

use iopo_data::{UnknownLabels, stream_dataset};
use trace_schema::{JsonlReader, PreferenceGroup, PreferencePair, to_json_line};
use trace_score::trace::{json_objects, official_overall_score, parse_judgement};

use crate::scratch::with_file;

/// A dataset in any format to train on; as one JSON array where the bytes begin with `[`.
pub(crate) fn dataset(bytes: &[u8]) {
    let name = if bytes.starts_with(b"[") { "rows.json" } else { "rows.jsonl" };
    with_file(name, bytes, |path| {
        let (Some(folder), Some(name)) = (path.parent(), path.to_str()) else { return };
        if let Ok(rows) = stream_dataset(name, folder, UnknownLabels::Keep) {
            rows.filter_map(Result::ok).for_each(drop);
        }
    });
}

/// Rows of this project's own formats; what is accepted is written, and read again as the same.
pub(crate) fn trace(bytes: &[u8]) {
    for row in JsonlReader::<_, PreferenceGroup>::new(bytes, "rows").filter_map(Result::ok) {
        let line = to_json_line(&row).unwrap_or_default();
        let again = JsonlReader::<_, PreferenceGroup>::new(line.as_bytes(), "rows").next();
        assert!(
            again.is_some_and(|again| again.is_ok_and(|again| again == row)),
            "a row that changed: {line}"
        );
    }
    JsonlReader::<_, PreferencePair>::new(bytes, "rows").for_each(drop);
}

/// An answer of a judge.
pub(crate) fn judge_answer(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    json_objects(&text).for_each(drop);
    let _ = official_overall_score(&text);
    let _ = parse_judgement(&text, &["Name a colour.", "Use one word."]);
}
