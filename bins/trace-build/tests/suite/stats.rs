//! `trace-build stats` as a user runs it.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::common::{self, fixture, program, stdout};

fn command(arguments: &[&str]) -> Command {
    let mut command = program("stats");
    command.args(arguments);
    command
}

fn stats(arguments: &[&str]) -> Output {
    command(arguments).output().unwrap()
}

fn failure(arguments: &[&str]) -> String {
    common::failure(&stats(arguments))
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn pair(id: &str, labels: &[&str]) -> Value {
    let constraints: Vec<Value> =
        labels.iter().map(|label| json!({"text": "c", "dimension": label})).collect();
    json!({"id": id, "instruction": {"description": "d", "constraints": constraints}, "chosen": "a", "rejected": "b"})
}

fn file_of(rows: &[Value]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.jsonl");
    fs::write(&path, rows.iter().map(|row| format!("{row}\n")).collect::<String>()).unwrap();
    (folder, path)
}

#[test]
fn a_good_file_gives_the_three_tables() {
    let output = stats(&[text(&fixture("groups.jsonl"))]);
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty());
    let printed = stdout(&output);
    for expected in [
        "24 rows, format: preference groups",
        "8 ADD, 8 DELETE, 8 REVISE",
        "Table 1. Constraints per instruction",
        "1.458",
        "Table 2. Instructions with C constraints",
        "Markdown Process Background Information",
    ] {
        assert!(printed.contains(expected), "{expected:?} is missing in\n{printed}");
    }
    assert!(!printed.contains("names none"));
}

#[test]
fn json_is_one_document_with_the_numbers_of_the_tables() {
    let output = stats(&[text(&fixture("eval_groups.jsonl")), "--json"]);
    let document: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(document["format"], "preference_group");
    assert_eq!(document["rows"], 8);
    assert_eq!(document["instructions"], 16);
    assert_eq!(document["operations"], json!({"ADD": 3, "DELETE": 2, "REVISE": 3}));
    assert_eq!(document["dimensions"].as_array().unwrap().len(), 26);
}

#[test]
fn lengths_are_of_all_texts_and_completions_have_no_tables() {
    let printed = stdout(&stats(&[text(&fixture("groups.jsonl"))]));
    for expected in ["Lengths", "description", "constraint", "prompt", "response", "characters", "p99"] {
        assert!(printed.contains(expected), "{expected:?} is missing in\n{printed}");
    }
    let rows =
        [json!({"prompt": "two words", "completion": "a"}), json!({"prompt": "q", "completion": "b c d"})];
    let (_folder, path) = file_of(&rows);
    let printed = stdout(&stats(&[text(&path)]));
    assert!(printed.contains("2 rows, format: completions") && !printed.contains("Table 1"), "{printed}");
    let document: Value = serde_json::from_str(&stdout(&stats(&[text(&path), "--json"]))).unwrap();
    let lengths = &document["lengths"];
    assert_eq!(
        lengths["prompt"]["words"],
        json!({"min": 1, "mean": 1.5, "p50": 1, "p90": 2, "p99": 2, "max": 2})
    );
    assert_eq!(
        (&lengths["response"]["characters"]["max"], &lengths["description"]),
        (&json!(5), &Value::Null)
    );
}

/// A folder as a run leaves it: 1 evaluation row, 4 completions, 2 pairs and 1 group, of 11 seeds.
fn run_folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, rows: &[Value]| {
        fs::write(folder.path().join(name), rows.iter().map(|row| format!("{row}\n")).collect::<String>())
            .unwrap();
    };
    let completion = json!({"prompt": "q", "completion": "a"});
    write("sft.jsonl", &vec![completion; 4]);
    let held_out = json!({"id": "e", "messages": [{"role": "user", "content": "d\n"}], "type": "trace",
        "description": "d", "constraints": "", "input": "NULL", "constraints_num": 0, "constraints_splits": [],
        "levels2": [], "category": "own"});
    write("eval.jsonl", &[held_out]);
    write("pairs.jsonl", &[pair("a", &["Theme"]), pair("b", &["Theme"])]);
    let group = fs::read_to_string(fixture("groups.jsonl")).unwrap();
    write("groups.jsonl", &[serde_json::from_str(group.lines().next().unwrap()).unwrap()]);
    let rejected =
        |stage: &str, reason: &str| json!({"id": "s", "stage": stage, "reason": reason, "row": {}});
    write(
        "rejected.jsonl",
        &[
            rejected("evaluation", "low-score"),
            rejected("structuring", "poor-instruction"),
            rejected("structuring", "no-constraints"),
            rejected("structuring", "poor-instruction"),
            rejected("seed", "near-duplicate"),
            rejected("seed", "near-duplicate"),
            rejected("worse-response", "not-worse"),
            rejected("worse-response", "not-worse"),
            rejected("rationality", "irrational"),
            rejected("perturbation", "wrong-operation"),
            rejected("second-evaluation", "low-score"),
        ],
    );
    write("journal.jsonl", &[json!({"key": "k"})]);
    folder
}

#[test]
fn a_run_folder_gives_its_files_and_the_funnel() {
    let folder = run_folder();
    let printed = stdout(&stats(&[text(folder.path())]));
    for expected in [
        "groups.jsonl: 1 rows",
        "pairs.jsonl: 2 rows",
        "sft.jsonl: 4 rows",
        "rejected.jsonl: 11 rows",
        "Rejection funnel",
        "poor-instruction",
        "Without rows of a known format: journal.jsonl",
    ] {
        assert!(printed.contains(expected), "{expected:?} is missing in\n{printed}");
    }
    let document: Value = serde_json::from_str(&stdout(&stats(&[text(folder.path()), "--json"]))).unwrap();
    let names: Vec<&String> = document["files"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["eval.jsonl", "groups.jsonl", "pairs.jsonl", "sft.jsonl"]);
    let funnel: Vec<(&str, u64, u64)> = document["funnel"]
        .as_array()
        .unwrap()
        .iter()
        .map(|stage| {
            let number = |key: &str| stage[key].as_u64().unwrap();
            (stage["stage"].as_str().unwrap(), number("entered"), number("rejected"))
        })
        .collect();
    assert_eq!(
        funnel,
        [
            ("seed", 11, 2),
            ("expansion", 9, 0),
            ("structuring", 9, 3),
            ("quality-control", 6, 0),
            ("similarity", 6, 0),
            ("response", 5, 0),
            ("evaluation", 5, 1),
            ("worse-response", 4, 2),
            ("perturbation", 4, 1),
            ("first-under-second", 3, 0),
            ("second-response", 3, 0),
            ("second-evaluation", 3, 1),
            ("second-under-first", 2, 0),
            ("rationality", 2, 1),
        ]
    );
    let reasons = &document["rejections"]["stages"][1]["reasons"];
    assert_eq!(reasons[0], json!({"reason": "poor-instruction", "rows": 2}));
}

#[test]
fn a_plot_of_a_folder_shows_its_groups() {
    let folder = run_folder();
    let plot = folder.path().join("rings.svg");
    assert_eq!(stats(&[text(folder.path()), "--plot", text(&plot)]).status.code(), Some(0));
    assert!(fs::read_to_string(&plot).unwrap().contains("groups.jsonl"));
}

#[test]
fn a_plot_replaces_no_rows() {
    let (folder, path) = file_of(&[pair("a", &["Emotion"])]);
    let before = fs::read(&path).unwrap();
    for input in [text(&path), text(folder.path())] {
        let message = failure(&[input, "--plot", text(&path)]);
        assert!(message.contains("is an input and would be overwritten"), "{message}");
    }
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_folder_without_rows_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    assert!(failure(&[text(folder.path())]).contains("has no JSONL file with rows of a known format"));
}

#[test]
fn a_missing_file_is_named_with_its_cause() {
    let message = failure(&["no/such/file.jsonl"]);
    assert!(message.starts_with("error: cannot open no/such/file.jsonl\n  caused by: "), "{message}");
}

#[test]
fn invalid_json_is_named_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.jsonl");
    fs::write(&path, format!("{}\n{{\"id\": }}\n", pair("a", &[]))).unwrap();
    let message = failure(&[text(&path)]);
    assert_eq!(
        message,
        format!("error: row 2 of {}: not valid JSON: expected value at column 8\n", path.display())
    );
}

#[test]
fn a_row_of_the_wrong_shape_is_named_with_its_id() {
    let mut wrong = pair("b", &[]);
    wrong["colour"] = json!("red");
    let (_folder, path) = file_of(&[pair("a", &[]), wrong]);
    let message = failure(&[text(&path)]);
    assert!(
        message.contains(r#"row 2 of "#) && message.contains(r#"(id "b")"#) && message.contains("`colour`"),
        "{message}"
    );
    assert!(!message.contains("caused by"), "the cause is told twice: {message}");
}

#[test]
fn an_unknown_label_is_an_error_when_asked_for() {
    let (_folder, path) = file_of(&[pair("a", &["Theme"]), pair("b", &["·"])]);
    let message = failure(&[text(&path), "--unknown-labels", "error"]);
    assert!(message.contains(r#"(id "b"): unknown constraint dimension "·""#), "{message}");
    assert!(message.contains("--unknown-labels keep"), "{message}");
}

#[test]
fn unknown_and_missing_labels_are_counted_and_listed() {
    let mut unlabelled = pair("c", &["Theme"]);
    unlabelled["instruction"]["constraints"][0] = json!({"text": "c"});
    let (_folder, path) = file_of(&[pair("a", &["Theme", "·"]), pair("b", &["·", "·"]), unlabelled]);
    let printed = stdout(&stats(&[text(&path)]));
    assert!(printed.contains("names none of the 26 dimensions: 3\n  \"·\": 3 (id a, b)\n"), "{printed}");
    assert!(printed.contains("Constraints without a label: 1\n"), "{printed}");
}

#[test]
fn many_numbers_of_constraints_stand_on_several_lines() {
    let rows: Vec<Value> = (0..40).map(|count| pair("a", &vec!["Theme"; count])).collect();
    let (_folder, path) = file_of(&rows);
    let printed = stdout(&stats(&[text(&path)]));
    assert_eq!(printed.lines().filter(|line| line.contains("C =")).count(), 3, "{printed}");
    assert!(printed.lines().all(|line| line.chars().count() < 120), "{printed}");
}

#[test]
fn a_plot_has_a_slice_and_a_label_per_dimension() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rings.svg");
    let output = stats(&[text(&fixture("groups.jsonl")), "--plot", text(&path)]);
    assert_eq!(output.status.code(), Some(0));
    let drawing = fs::read_to_string(&path).unwrap();
    assert!(drawing.starts_with("<svg"));
    assert_eq!(drawing.matches("<path").count(), 5 + 26);
    assert_eq!(drawing.matches("<polyline").count(), 26);
    // The drawing, and the record of it.
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "a temporary file was left");
}

#[test]
fn a_single_dimension_is_drawn_as_a_whole_ring() {
    let (folder, path) = file_of(&[pair("a", &["Theme"])]);
    let plot = folder.path().join("rings.svg");
    assert_eq!(stats(&[text(&path), "--plot", text(&plot)]).status.code(), Some(0));
    assert_eq!(fs::read_to_string(&plot).unwrap().matches("<path").count(), 2);
}

#[test]
fn a_plot_of_nothing_is_an_error_that_leaves_no_file() {
    let (folder, path) = file_of(&[pair("a", &[])]);
    let plot = folder.path().join("rings.svg");
    let message = failure(&[text(&path), "--plot", text(&plot)]);
    assert!(message.contains("caused by: no constraint has a label that names a dimension"), "{message}");
    assert!(!plot.exists());
}

#[test]
fn a_plot_in_a_missing_folder_is_an_error() {
    let message = failure(&[text(&fixture("groups.jsonl")), "--plot", "no/such/folder/rings.svg"]);
    assert!(message.starts_with("error: cannot create no/such/folder/rings.svg\n  caused by: "), "{message}");
}

#[test]
fn an_empty_file_is_an_error() {
    let (_folder, path) = file_of(&[]);
    assert_eq!(failure(&[text(&path)]), format!("error: {} has no rows\n", path.display()));
}

#[test]
fn wrong_usage_has_the_same_exit_code() {
    assert!(failure(&["--unknown-labels", "perhaps", "file"]).contains("possible values: error, keep"));
}

#[test]
fn a_closed_pipe_is_no_error() {
    // Standard output is closed before anything is read, as `head` does when it has enough.
    let mut child = command(&[text(&fixture("groups.jsonl"))])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut message = String::new();
    child.stderr.take().unwrap().read_to_string(&mut message).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(message, "");
}

#[test]
fn the_released_file_has_its_published_numbers() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/trace_evaluation.jsonl");
    if !path.exists() {
        // Unlike `eprintln!`, this is shown for a test that passes.
        let name = "the_released_file_has_its_published_numbers";
        let line = format!("SKIPPED {name}: no file {}\n", path.display());
        std::io::stderr().write_all(line.as_bytes()).unwrap();
        return;
    }
    let printed = stdout(&stats(&[text(&path)]));
    for expected in ["1,042 rows", "4.882", "5,087", "\"输入格式约束\": 1 (id 903)", "\"·\": 1 (id 951)"]
    {
        assert!(printed.contains(expected), "{expected:?} is missing in\n{printed}");
    }
}
