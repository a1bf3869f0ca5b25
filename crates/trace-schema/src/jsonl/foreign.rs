//! JSON as Python writes it, and text that is something else.

use serde::de::{DeserializeOwned, IgnoredAny};

/// Parses JSON, also as Python's `json` module writes it: NaN and the infinities are null, and half of a surrogate pair
/// is U+FFFD.
///
/// # Errors
///
/// Those of the parser.
///
/// ```
/// let row: serde_json::Value = trace_schema::parse_json(r#"{"score": NaN, "text": "\ud83d"}"#)?;
/// assert_eq!(row, serde_json::json!({"score": null, "text": "\u{fffd}"}));
/// # Ok::<(), serde_json::Error>(())
/// ```
pub fn parse_json<T: DeserializeOwned>(text: &str) -> Result<T, serde_json::Error> {
    serde_json::from_str(text).or_else(|error| match python_to_json(text.as_bytes()) {
        Some(json) => serde_json::from_slice(&json),
        None => Err(error),
    })
}

/// JSON that means the same as what Python's `json` module wrote; `None` where the bytes need no change.
pub fn python_to_json(text: &[u8]) -> Option<Vec<u8>> {
    let mut json = Vec::with_capacity(text.len());
    let mut changed = false;
    let mut in_string = false;
    let mut rest = text;
    while let Some(&byte) = rest.first() {
        let (length, instead) = match (in_string, byte) {
            (_, b'"') => {
                in_string = !in_string;
                (1, None)
            }
            (true, b'\\') => escape(rest),
            (false, b'N' | b'I' | b'-') => constant(rest),
            _ => (1, None),
        };
        let (token, after) = rest.split_at(length.min(rest.len()));
        json.extend_from_slice(instead.unwrap_or(token));
        changed |= instead.is_some();
        rest = after;
    }
    changed.then_some(json)
}

/// The length of an escape, and what stands for it where it is half of a surrogate pair.
fn escape(text: &[u8]) -> (usize, Option<&'static [u8]>) {
    let unit = |text: Option<&[u8]>| -> Option<u16> {
        let digits = text?.strip_prefix(b"\\u")?.get(..4)?;
        u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    match unit(Some(text)) {
        Some(0xD800..=0xDBFF) if matches!(unit(text.get(6..)), Some(0xDC00..=0xDFFF)) => (12, None),
        Some(0xD800..=0xDFFF) => (6, Some(b"\\ufffd")),
        _ => (2, None),
    }
}

/// The length of a number that JSON does not have, and what stands for it.
fn constant(text: &[u8]) -> (usize, Option<&'static [u8]>) {
    let names: [&[u8]; 3] = [b"NaN", b"Infinity", b"-Infinity"];
    match names.into_iter().find(|name| text.starts_with(name)) {
        Some(name) => (name.len(), Some(b"null")),
        None => (1, None),
    }
}

/// What a text is that should be JSON, with the way out; `None` where it does not show.
pub fn foreign_text(text: &str) -> Option<&'static str> {
    const PYTHON: &str =
        "Python's spelling of values (single quotes, None, True); write rows with json.dumps, one on a line";
    const TABLE: &str = "a table, CSV or alike; write its rows as JSONL, with pandas for instance: \
                         pandas.read_csv(FILE).to_json(OUT, orient=\"records\", lines=True)";
    const YAML: &str = "YAML; write its rows as JSONL, one JSON object on a line";
    const MARKUP: &str = "XML or HTML; write its rows as JSONL, one JSON object on a line";
    if is_python(text) {
        return Some(PYTHON);
    }
    let line = text.trim_start().lines().next()?.trim_end();
    let key = line.split_once(':').filter(|(key, value)| {
        let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | ' ');
        !key.is_empty() && key.chars().all(is_name) && (value.is_empty() || value.starts_with(' '))
    });
    match line.chars().next()? {
        '{' | '[' => None,
        '<' => Some(MARKUP),
        _ if line == "---" || line.starts_with("- ") || key.is_some() => Some(YAML),
        _ if line.contains([',', ';', '\t']) => Some(TABLE),
        _ => None,
    }
}

/// Whether a parser stops at something that Python writes where JSON has another word.
fn is_python(text: &str) -> bool {
    let stop = || -> Option<&str> {
        let error = serde_json::from_str::<IgnoredAny>(text).err()?;
        text.lines().nth(error.line().checked_sub(1)?)?.get(error.column().checked_sub(1)?..)
    };
    stop().is_some_and(|rest| ["'", "None", "True", "False"].iter().any(|word| rest.starts_with(word)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn what_python_writes_beyond_json_is_read() {
        let read = |text: &str| parse_json::<Value>(text).unwrap();
        assert_eq!(read("[NaN, -Infinity, Infinity, -1]"), json!([null, null, null, -1]));
        assert_eq!(
            read(r#"{"a": "NaN", "b": "\"NaN", "c": NaN}"#),
            json!({"a": "NaN", "b": "\"NaN", "c": null})
        );
        assert_eq!(read(r#""\ud83d""#), "\u{fffd}");
        assert_eq!(read(r#""\ud83d\n\ude00""#), "\u{fffd}\n\u{fffd}");
        assert_eq!(read(r#""\uD83D\uDE00\udc00\\ud83d""#), "😀\u{fffd}\\ud83d");
        assert_eq!(read(r#""\ud83d\ud83d\ude00""#), "\u{fffd}😀");
    }

    #[test]
    fn other_text_stays_an_error() {
        for text in ["NaNs", "[nan]", "{NaN: 1}", "\"\\ud83\"", "\"\\ud83d", "-", "", "[1,]", "+Infinity"] {
            assert!(parse_json::<Value>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn other_formats_are_named() {
        for (text, kind) in [
            ("{'prompt': 'a'}", "Python"),
            ("{\"prompt\": None, \"b\": 1}", "Python"),
            ("[{'prompt': 'a'}]", "Python"),
            ("prompt,completion", "a table"),
            ("\"prompt\",\"completion\"", "a table"),
            ("prompt\tcompletion", "a table"),
            ("frage;antwort", "a table"),
            ("- prompt: a", "YAML"),
            ("---", "YAML"),
            ("prompt: a, b", "YAML"),
            ("<rows>", "XML"),
        ] {
            assert!(foreign_text(text).is_some_and(|found| found.starts_with(kind)), "{text}");
        }
        for text in ["", "hello", "{", "{\"a\": 1}{\"b\": 2}", "{\"a\": \"it's\", }", "7", "{\"a\": 'b"] {
            let found = foreign_text(text);
            assert!(found.is_none() || text.contains(": 'b"), "{text}: {found:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn json_needs_no_change(text in any::<String>(), number in any::<f64>()) {
            let json = json!({"text": text, "list": [number, text, null, true]}).to_string();
            prop_assert_eq!(python_to_json(json.as_bytes()), None);
        }

        #[test]
        fn no_bytes_make_it_panic_and_a_second_time_changes_nothing(
            bytes in prop::collection::vec(prop::sample::select(b"NaIinfty-\\u\"dD8cC0 {}[],:\xff".to_vec()), 0..64)
        ) {
            if let Some(json) = python_to_json(&bytes) {
                prop_assert_eq!(python_to_json(&json), None);
            }
        }
    }
}
