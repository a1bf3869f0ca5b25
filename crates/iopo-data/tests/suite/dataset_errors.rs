//! What can be wrong with a dataset: each says where, and what to do.

use std::error::Error;

use iopo_data::{DatasetError, UnknownLabels, load_dataset};
use serde_json::{Value, json};

/// The error of a dataset folder that holds one file.
fn error_of(name: &str, content: impl AsRef<[u8]>) -> DatasetError {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join(name), content).unwrap();
    load_dataset(name, dir.path(), UnknownLabels::Error).unwrap_err()
}

/// The reason why the second of two rows is refused, as JSONL and as an array.
fn field_error(good: &Value, bad: &Value) -> String {
    let as_lines = error_of("a.jsonl", format!("{good}\n{bad}\n"));
    let as_array = error_of("a.json", json!([good, bad]).to_string());
    let [lines, array] = [as_lines, as_array].map(|error| match error {
        DatasetError::Row { origin, reason } => {
            assert_eq!(origin.row, 2);
            reason
        }
        other => panic!("{other}"),
    });
    assert_eq!(lines, array);
    lines
}

fn trl() -> Value {
    json!({"prompt": "q", "chosen": "good", "rejected": "bad"})
}

fn entry_error(entry: Value) -> DatasetError {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("dataset_info.json"), json!({"mine": entry}).to_string()).unwrap();
    std::fs::write(dir.path().join("rows.json"), json!([trl()]).to_string()).unwrap();
    load_dataset("mine", dir.path(), UnknownLabels::Error).unwrap_err()
}

#[test]
fn a_missing_key_is_named_with_its_row() {
    let error = field_error(&trl(), &json!({"prompt": "q", "chosen": "good"}));
    assert_eq!(error, "\"rejected\" is missing");
    let error = error_of("a.jsonl", format!("{}\n{}", trl(), json!({"prompt": "q", "chosen": "good"})));
    assert!(error.to_string().ends_with("a.jsonl: \"rejected\" is missing"), "{error}");
    assert!(error.to_string().starts_with("row 2 of "), "{error}");
}

#[test]
fn a_value_of_another_type_is_named() {
    let error = field_error(&trl(), &json!({"prompt": "q", "chosen": 7, "rejected": "bad"}));
    assert_eq!(error, "\"chosen\" is a number, not a string or one message");
    let error = field_error(&trl(), &json!({"prompt": null, "chosen": "good", "rejected": "bad"}));
    assert_eq!(error, "\"prompt\" is null, not a list");
    let alpaca = json!({"instruction": "q", "output": "y"});
    let error = field_error(&alpaca, &json!({"instruction": "q", "output": "y", "history": "a"}));
    assert_eq!(error, "\"history\" is a string, not a list");
}

#[test]
fn an_empty_response_is_an_error() {
    for empty in ["", " \n"] {
        let error = field_error(&trl(), &json!({"prompt": "q", "chosen": "good", "rejected": empty}));
        assert_eq!(error, "\"rejected\" is an empty response");
    }
}

#[test]
fn an_empty_prompt_is_an_error() {
    for bad in [
        json!({"prompt": " ", "chosen": "a", "rejected": "b"}),
        json!({"prompt": [], "chosen": "a", "rejected": "b"}),
    ] {
        let error = field_error(&trl(), &bad);
        assert_eq!(error, "\"prompt\" is an empty prompt");
    }
    let alpaca = json!({"instruction": "q", "output": "y"});
    let error = field_error(&alpaca, &json!({"instruction": "", "output": "y"}));
    assert_eq!(error, "\"instruction\" is an empty prompt");
}

#[test]
fn a_row_that_is_not_an_object_is_an_error() {
    let error = field_error(&trl(), &json!(["q"]));
    assert_eq!(error, "the row is a list, not an object");
    let error = error_of("a.jsonl", "7\n").to_string();
    assert!(error.ends_with("the row is a number, not an object"), "{error}");
}

#[test]
fn an_unknown_role_is_an_error() {
    let message = |role: &str| json!([{"role": role, "content": "q"}]);
    let good = json!({"prompt": message("user"), "chosen": "a", "rejected": "b"});
    let error = field_error(&good, &json!({"prompt": message("tool"), "chosen": "a", "rejected": "b"}));
    assert!(error.starts_with("\"prompt[0].role\" is \"tool\": known roles are "), "{error}");
}

#[test]
fn turns_that_make_no_example_are_an_error() {
    let message = |role: &str| json!({"from": role, "value": "text"});
    let row = |roles: &[&str]| json!({"conversations": roles.iter().map(|r| message(r)).collect::<Vec<_>>()});
    let ranking = |roles: &[&str]| {
        let mut row = row(roles);
        row["chosen"] = message("gpt");
        row["rejected"] = json!({"from": "gpt", "value": "another text"});
        row
    };
    for roles in [&["human", "gpt"] as &[_], &["gpt"], &["system"], &["human", "human", "human"]] {
        let error = field_error(&ranking(&["human"]), &ranking(roles));
        assert!(error.starts_with("\"conversations"), "{error}");
    }
    for roles in [&["human"] as &[_], &["gpt", "human"]] {
        let error = field_error(&row(&["human", "gpt"]), &row(roles));
        assert!(error.starts_with("\"conversations["), "{error}");
    }
}

#[test]
fn conversations_that_differ_before_their_last_message_are_no_pair() {
    let talk = |question: &str, answer: &str| json!([{"role": "user", "content": question}, {"role": "assistant", "content": answer}]);
    let good = json!({"chosen": talk("q", "a"), "rejected": talk("q", "b")});
    let error = field_error(&good, &json!({"chosen": talk("q", "a"), "rejected": talk("other", "b")}));
    assert_eq!(error, "\"rejected\" has to repeat the messages of \"chosen\" up to the last");
    let error = field_error(&good, &json!({"chosen": "plain text", "rejected": "plain text"}));
    assert_eq!(error, "\"prompt\" is missing");
}

fn trace_group() -> Value {
    let x = |text: &str| json!({"description": text});
    json!({"id": "g", "operation": "ADD", "x1": x("a"), "y1": "y1", "x2": x("b"), "y2": "y2"})
}

#[test]
fn a_broken_group_in_an_array_is_an_error() {
    let mut unknown_key = trace_group();
    unknown_key["z"] = json!(1);
    let error = error_of("a.json", json!([trace_group(), unknown_key]).to_string());
    assert!(error.to_string().contains(": not a row of this format: unknown field `z`"), "{error}");
    let mut empty = trace_group();
    empty["y2"] = json!("");
    let error = error_of("a.json", json!([trace_group(), empty]).to_string());
    assert!(matches!(error, DatasetError::Row { .. }), "{error}");
    assert!(error.to_string().contains("y2 is an empty response"), "{error}");
}

#[test]
fn a_broken_line_is_named_by_its_number() {
    let error = error_of("a.jsonl", format!("{}\n{{\"prompt\": }}\n", trl()));
    assert!(matches!(error, DatasetError::Jsonl(_)));
    assert!(error.to_string().starts_with("row 2 of "), "{error}");
    let mut empty = trace_group();
    empty["y2"] = json!("");
    let error = error_of("a.jsonl", format!("{}\n{empty}\n", trace_group()));
    assert!(error.to_string().contains("(id \"g\"): y2 is an empty response"), "{error}");
}

#[test]
fn a_broken_array_names_the_row_and_keeps_line_and_column() {
    for broken in [format!("[{},\n{{\"prompt\":", trl()), format!("[{}\n7]", trl())] {
        let error = error_of("a.json", broken);
        assert!(matches!(&error, DatasetError::Syntax { origin, .. } if origin.row == 2), "{error}");
        assert!(error.source().unwrap().to_string().contains("line 2"), "{error}");
    }
    assert!(matches!(error_of("a.json", format!("[{}] tail", trl())), DatasetError::Syntax { .. }));
}

#[test]
fn bytes_that_are_not_text_are_an_error() {
    assert!(matches!(error_of("a.jsonl", b"{\"prompt\": \"\xff\"}\n"), DatasetError::Jsonl(_)));
    assert!(matches!(error_of("a.json", b"[{\"prompt\": \"\xff\"}]"), DatasetError::Syntax { .. }));
}

#[test]
fn a_file_without_rows_is_an_error() {
    for (name, content) in [("a.jsonl", ""), ("a.jsonl", " \n\n"), ("a.json", "[]")] {
        assert!(error_of(name, content).to_string().ends_with(" has no rows"), "{content:?}");
    }
}

#[test]
fn a_first_row_of_no_known_format_is_an_error_that_lists_its_keys() {
    for name in ["a.jsonl", "a.json"] {
        let row = json!({"question": "q", "answer": "y"});
        let content = if name == "a.json" { json!([row]).to_string() } else { row.to_string() };
        let error = error_of(name, content).to_string();
        let has_keys =
            ["it has answer, question;", "it has question, answer;"].iter().any(|keys| error.contains(keys));
        assert!(error.starts_with("row 1 of ") && has_keys, "{error}");
    }
}

#[test]
fn a_name_that_is_nowhere_is_an_error_that_lists_the_names() {
    let dir = tempfile::tempdir().unwrap();
    let error = load_dataset("absent", dir.path(), UnknownLabels::Error).unwrap_err();
    assert!(error.to_string().ends_with("(which has none)"), "{error}");
    std::fs::write(dir.path().join("dataset_info.json"), r#"{"a": {}, "b": {}}"#).unwrap();
    let error = load_dataset("absent", dir.path(), UnknownLabels::Error).unwrap_err();
    assert!(error.to_string().ends_with("(which has a, b)"), "{error}");
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let error = entry_error(json!({"file_name": "absent.json"}));
    assert!(
        matches!(&error, DatasetError::Unreadable { path, .. } if path.ends_with("absent.json")),
        "{error}"
    );
    assert!(error.source().is_some());
}

#[test]
fn a_malformed_info_file_is_an_error() {
    for content in ["[", "[]"] {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("dataset_info.json"), content).unwrap();
        let error = load_dataset("a", dir.path(), UnknownLabels::Error).unwrap_err();
        assert!(error.to_string().ends_with("dataset_info.json is malformed"), "{error}");
        assert!(error.source().is_some());
    }
}

#[test]
fn a_malformed_entry_is_an_error_that_names_it() {
    for entry in [
        json!({}),
        json!({"file_name": "rows.json", "rankng": true}),
        json!({"file_name": "rows.json", "formatting": "openai"}),
        json!({"file_name": "rows.json", "columns": {"propmt": "q"}}),
        json!("rows.json"),
    ] {
        let error = entry_error(entry);
        let message = error.to_string();
        assert!(message.starts_with("entry \"mine\" of ") && message.ends_with(" is malformed"), "{error}");
        assert!(error.source().is_some());
    }
}

#[test]
fn an_entry_that_asks_for_the_impossible_is_an_error_that_says_what_to_do() {
    let expected = [
        ("hf_hub_url", json!({"hf_hub_url": "someone/something"})),
        ("script_url", json!({"script_url": "x", "file_name": "rows.json"})),
        ("num_samples", json!({"num_samples": 5, "file_name": "rows.json"})),
        ("images", json!({"columns": {"images": "images"}, "file_name": "rows.json"})),
        ("kto_tag", json!({"columns": {"kto_tag": "label"}, "file_name": "rows.json"})),
    ];
    for (expected, entry) in expected {
        let error = entry_error(entry);
        let message = error.to_string();
        assert!(message.contains(&format!("has \"{expected}\", which is not supported: ")), "{error}");
    }
}
