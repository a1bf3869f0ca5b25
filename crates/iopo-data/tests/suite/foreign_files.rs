//! Files that are something else than they should be: what they are is said, and what Python writes is read.

use std::error::Error;

use iopo_data::{DatasetError, ExampleText, UnknownLabels, load_dataset};
use proptest::prelude::*;
use serde_json::{Value, json};

fn load(name: &str, content: impl AsRef<[u8]>) -> Result<Vec<iopo_data::TextExample>, DatasetError> {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join(name), content).unwrap();
    load_dataset(name, dir.path(), UnknownLabels::Error)
}

/// The message with its causes.
fn error_of(name: &str, content: impl AsRef<[u8]>) -> String {
    let error = load(name, content).unwrap_err();
    let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    format!("{error}{cause}")
}

fn utf_16(text: &str) -> Vec<u8> {
    [0xFF, 0xFE].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect()
}

const ROW: &str = r#"{"prompt": "q", "completion": "y"}"#;

#[test]
fn what_a_file_really_is_is_said() {
    let cases: [(&[u8], &str); 13] = [
        (b"PAR1\x15\x04\x15\xc0", "a Parquet file; write its rows as JSONL"),
        (b"ARROW1\0\0", "an Arrow file"),
        (b"\xff\xff\xff\xff\xf0\x01\0\0", "an Arrow stream"),
        (b"\x1f\x8b\x08\0\0\0", "compressed with gzip; unpack it first"),
        (b"PK\x03\x04\x14\0", "a ZIP archive"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:4d\nsize 7\n", "`git lfs pull`"),
        (b"<!doctype html><html></html>", "an HTML page"),
        (b"prompt,completion\nq,y\n", "a table, CSV or alike"),
        (b"prompt\tcompletion\nq\ty\n", "a table, CSV or alike"),
        (b"- prompt: q\n  completion: y\n", "YAML"),
        (b"{'prompt': 'q', 'completion': 'y'}\n", "Python's spelling"),
        (b"[{'prompt': 'q', 'completion': 'y'}]\n", "Python's spelling"),
        (b"{\"prompt\": \"q\", \"completion\": None}\n", "Python's spelling"),
    ];
    for (content, kind) in cases {
        for name in ["rows.jsonl", "rows.json"] {
            let error = error_of(name, content);
            assert!(error.contains(kind) && error.contains(name), "{error}");
        }
    }
    for text in [ROW.to_owned(), format!("[{ROW}]")] {
        assert!(error_of("rows.json", utf_16(&text)).contains("text in UTF-16; save it as UTF-8"));
    }
    // "你好" in GBK.
    for content in [&b"[{\"prompt\": \"\xc4\xe3\xba\xc3\"}]"[..], b"{\"prompt\": \"\xc4\xe3\xba\xc3\"}\n"] {
        let error = error_of("rows.json", content);
        assert!(error.starts_with("row 1 of ") && error.contains("save the file as UTF-8"), "{error}");
    }
}

#[test]
fn what_python_writes_is_read_in_lines_and_in_arrays() {
    let row = r#"{"instruction": "q", "input": NaN, "score": -Infinity, "output": "y \ud83d"}"#;
    for content in [format!("\u{feff}{row}\n\n  \n{row}\n\n"), format!("\u{feff}[{row},\n{row}]")] {
        let rows = load("rows.json", &content).unwrap();
        assert_eq!(rows.len(), 2, "{content}");
        for row in rows {
            let ExampleText::Completion { prompt, response } = row.text else { panic!("not a completion") };
            assert_eq!((prompt[0].content.as_str(), response.as_str()), ("q", "y \u{fffd}"));
            // A score that is NaN says nothing.
            assert!(row.unused.is_empty());
        }
    }
    let error = error_of(
        "rows.jsonl",
        "{\"instruction\": \"q\", \"output\": \"y\"}\n\n{\"instruction\": \"q\", \"output\": NaN}\n",
    );
    assert!(error.starts_with("row 3 of ") && error.contains("\"output\" is null"), "{error}");
    let error = error_of("rows.json", "[{\"instruction\": NaN,}]");
    assert!(error.contains("trailing comma at line 1"), "{error}");
}

#[test]
fn a_list_of_datasets_is_read_as_python_and_notepad_write_it() {
    let dir = tempfile::tempdir().unwrap();
    let info = "\u{feff}{\"mine\": {\"file_name\": \"rows.jsonl\", \"ranking\": null, \"columns\": NaN}}";
    std::fs::write(dir.path().join("dataset_info.json"), info).unwrap();
    std::fs::write(dir.path().join("rows.jsonl"), ROW).unwrap();
    assert_eq!(load_dataset("mine", dir.path(), UnknownLabels::Error).unwrap().len(), 1);
    std::fs::write(dir.path().join("dataset_info.json"), utf_16("{}")).unwrap();
    let error = load_dataset("mine", dir.path(), UnknownLabels::Error).unwrap_err();
    assert!(error.source().unwrap().to_string().contains("UTF-16"), "{error}");
}

/// Reading a pipe would wait for ever, and a device may never end.
#[cfg(unix)]
#[test]
fn only_regular_files_are_datasets() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for (path, kind) in [
        (pipe.to_str().unwrap(), "not a regular file"),
        ("/dev/zero", "not a regular file"),
        (dir.path().to_str().unwrap(), "a folder"),
    ] {
        let error = load_dataset(path, "nowhere", UnknownLabels::Error).unwrap_err();
        assert!(error.source().unwrap().to_string().contains(kind), "{path}: {error}");
        let entry = json!({"mine": {"file_name": path}}).to_string();
        std::fs::write(dir.path().join("dataset_info.json"), entry).unwrap();
        let error = load_dataset("mine", dir.path(), UnknownLabels::Error).unwrap_err();
        assert!(error.source().unwrap().to_string().contains(kind), "{path}: {error}");
    }
    std::fs::remove_file(dir.path().join("dataset_info.json")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", dir.path().join("dataset_info.json")).unwrap();
    assert!(load_dataset("mine", dir.path(), UnknownLabels::Error).is_err());
}

/// Rows with one foreign text of any length, in all the places that an error may quote.
fn rows_around(text: &str) -> Vec<Value> {
    let user = json!({"role": "user", "content": "q"});
    vec![
        json!({text: 1}),
        json!({"id": text, "prompt": "q", "completion": 7}),
        json!({"prompt": [{"role": text, "content": "q"}], "completion": "y"}),
        json!({"messages": [user, {"role": "assistant", "content": "y", "weight": text}]}),
        json!({"id": "g", "x1": text, "x2": text}),
        json!({"id": "g", text: 1, "instruction": {}, "chosen": text, "rejected": text}),
        json!({"prompt": "q", "chosen": text, "rejected": text}),
    ]
}

#[test]
fn five_million_characters_are_cut_where_they_are_quoted() {
    for row in rows_around(&"x".repeat(5_000_000)) {
        for content in [row.to_string(), json!([row]).to_string()] {
            let error = error_of("rows.json", content);
            assert!(error.len() < 1200, "{} bytes: {}", error.len(), &error[..200]);
        }
    }
    let long = "x".repeat(5_000_000);
    for entry in
        [json!({"mine": {&*long: 1}}), json!({"mine": {"file_name": "rows.json", "formatting": long}})]
    {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("dataset_info.json"), entry.to_string()).unwrap();
        let error = load_dataset("mine", dir.path(), UnknownLabels::Error).unwrap_err();
        assert!(error.source().unwrap().to_string().len() < 1200);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_foreign_text_makes_an_error_long(text in ".{1,2000}") {
        for row in rows_around(&text) {
            if let Err(error) = load("rows.jsonl", row.to_string()) {
                prop_assert!(error.to_string().chars().count() < 1600, "{}", error);
            }
        }
    }
}
