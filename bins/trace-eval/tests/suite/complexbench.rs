//! `trace-eval complexbench` as a user runs it, on items made up for it.

use std::fs;
use std::path::Path;
use std::process::Output;

use crate::common::{self, read_rows, run, stdout, text};
use chat_client::testing::{Action, ScriptedServer};
use serde_json::{Value, json};

fn question(place: usize, text: &str, rule: Option<&str>, dep: &[i64]) -> Value {
    json!({"point_id": place, "question": text, "rule": rule, "dep": dep,
        "constraint_dimensions": ["Length"], "composition_types": ["And"]})
}

fn item(main_id: i64, questions: &[Value]) -> Value {
    json!({"main_id": main_id, "group": "g", "idx_in_group": main_id, "instruction": format!("Do {main_id}"),
        "task_types": "T", "constraint_dimensions": [], "composition_types": ["And"], "category": "And_1",
        "scoring_questions": questions})
}

/// A chain of three, an item with a rule that nobody knows, and one without a response.
fn data() -> Value {
    json!([
        item(
            1,
            &[
                question(0, "问一", None, &[]),
                question(1, "问二", Some("model_length:[1,5]"), &[0]),
                question(2, "问三", None, &[1]),
            ]
        ),
        item(2, &[question(0, "问四", None, &[]), question(1, "问五", Some("model_bogus:[1]"), &[])]),
        item(3, &[question(0, "问六", None, &[])]),
    ])
}

fn complexbench(server: &ScriptedServer, folder: &Path, mode: &str) -> Output {
    let (data_file, out) = (folder.join("data.json"), folder.join("out"));
    fs::write(&data_file, data().to_string()).unwrap();
    let answers = [json!({"id": "1", "response": "one"}), json!({"id": "2", "response": "two"})];
    let answers = common::rows(folder, "answers.jsonl", &answers);
    let url = server.base_url();
    let files =
        ["complexbench", "--data", text(&data_file), "--answers", text(&answers), "--out", text(&out)];
    run(&[&files[..], &["--judge-endpoint", &url, "--judge-model", "judge", "--json", "--mode", mode]]
        .concat())
}

fn server() -> ScriptedServer {
    ScriptedServer::start(|request, _| {
        let question = request.question();
        let about = |text: &str| question.contains(text);
        Action::answer(match () {
            () if about("问一") => "理由。\n答案：否",
            () if about("问二") || about("问五") => "评分对象：abc",
            () => "答案：是",
        })
    })
    .unwrap()
}

fn verdicts(folder: &Path) -> Vec<Vec<Value>> {
    let rows = read_rows(&folder.join("out/verdicts.jsonl"));
    let of_row = |row: &Value| -> Vec<Value> {
        row["questions"].as_array().unwrap().iter().map(|question| question["verdict"].clone()).collect()
    };
    rows.iter().map(of_row).collect()
}

#[test]
fn repaired_dependencies_reach_through_and_what_is_unknown_is_counted_apart() {
    let (server, folder) = (server(), tempfile::tempdir().unwrap());
    let output = complexbench(&server, folder.path(), "fixed");
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let expected = [json!([false, false, false]), json!([true, null]), json!([null])];
    assert_eq!(json!(verdicts(folder.path())), json!(expected));
    let value: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(value["results"]["overall"], json!({"n": 4, "n_failed": 2, "rate": 0.25}));
    assert_eq!(server.requests(), 4, "nothing is asked about a rule that nobody knows");

    let rows = folder.path().join("out/verdicts.jsonl");
    let compared = stdout(&run(&["compare", text(&rows)]));
    assert!(compared.contains("DRFR") && compared.contains("25.0"), "{compared}");
}

#[test]
fn the_released_code_looks_at_direct_prerequisites_alone() {
    let (server, folder) = (server(), tempfile::tempdir().unwrap());
    let output = complexbench(&server, folder.path(), "official");
    // No group has a selection, by whose number the released code divides.
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(String::from_utf8(output.stderr).unwrap().contains("released code has no statistics"));
    let expected = [json!([false, false, true]), json!([true, 2]), json!([null])];
    assert_eq!(json!(verdicts(folder.path())), json!(expected));
    assert_eq!(server.requests(), 5);
}
