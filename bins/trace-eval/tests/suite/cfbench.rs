//! `trace-eval cfbench` as a user runs it, on items made up for it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::common::{self, read_rows, run, stdout, text};
use chat_client::testing::{Action, ScriptedServer};
use serde_json::{Value, json};

fn data(folder: &Path) -> PathBuf {
    let item = |idx: u64, split: &str| {
        let criteria =
            json!([[format!("first {idx}"), "主需", "", ""], [format!("second {idx}"), "次需", "", ""]]);
        json!({"idx": idx, "prompt": format!("Do {idx}"), "gold": "", "split": split, "criteria": criteria, "response": format!("done {idx}")})
    };
    let path = folder.join("cfbench.json");
    fs::write(&path, json!([item(1, "easy"), item(2, "easy"), item(3, "hard")]).to_string()).unwrap();
    path
}

/// Item 1 satisfies all, item 2 fails its primary criterion, item 3 gets an answer of the wrong form.
fn server() -> ScriptedServer {
    ScriptedServer::start(|request, _| {
        let question = request.question();
        let about = |idx: u64| question.contains(&format!("done {idx}"));
        Action::answer(match () {
            () if about(1) => "first 1\t1\n\nsecond 1\t1",
            () if about(2) => "first 2\t0\n\nsecond 2\t1",
            () => "第一\t1\n第二\t0",
        })
    })
    .unwrap()
}

fn results(mode: &str) -> (Value, Vec<Value>, ScriptedServer) {
    let (server, folder) = (server(), tempfile::tempdir().unwrap());
    let (data, out, url) = (data(folder.path()), folder.path().join("out"), server.base_url());
    let fixed = ["cfbench", "--data", text(&data), "--out", text(&out), "--json", "--mode", mode];
    let judge = ["--judge-endpoint", &url, "--judge-model", "judge", "--parse-attempts", "2"];
    let output = run(&[&fixed[..], &judge].concat());
    let expected = if mode == "fixed" { 3 } else { 0 };
    assert_eq!(output.status.code(), Some(expected), "{output:?}");
    assert!(fs::read_to_string(out.join("report.html")).unwrap().contains("(secondary)"));
    (serde_json::from_str(&stdout(&output)).unwrap(), read_rows(&out.join("verdicts.jsonl")), server)
}

#[test]
fn an_answer_that_cannot_be_read_is_failed_where_errors_are_repaired() {
    let (value, rows, server) = results("fixed");
    assert_eq!(value["results"]["easy"], json!({"n": 2, "n_failed": 0, "csr": 0.75, "isr": 0.5, "psr": 0.5}));
    assert_eq!(
        value["results"]["hard"],
        json!({"n": 0, "n_failed": 1, "csr": null, "isr": null, "psr": null})
    );
    assert!(rows[2]["failed"].as_str().unwrap().contains("criterion 0"), "{}", rows[2]);
    assert_eq!(server.requests(), 4);
}

#[test]
fn the_released_code_keeps_the_ones_of_its_last_answer() {
    let (value, rows, server) = results("official");
    assert_eq!(value["results"]["hard"], json!({"n": 1, "n_failed": 0, "csr": 1.0, "isr": 1.0, "psr": 1.0}));
    assert_eq!((&rows[2]["status"], &rows[2]["scores"]), (&json!("0"), &json!(["1"])));
    assert_eq!(server.requests(), 4);
}

#[test]
fn results_can_be_compared() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, second: Value| {
        let rows = [json!({"id": 1, "split": "easy", "csr": 1.0, "isr": 1, "psr": 1}), second];
        common::rows(folder.path(), name, &rows)
    };
    let one = file("one.jsonl", json!({"id": 2, "split": "hard", "csr": 0.5, "isr": 0, "psr": 0}));
    let two = file("two.jsonl", json!({"id": 2, "split": "hard", "csr": 1.0, "isr": 1, "psr": 1}));
    let output = run(&["compare", text(&one), text(&two), "--baseline", "one", "--json"]);
    let value: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let differences: Vec<_> =
        value["paired"].as_array().unwrap().iter().map(|of| &of["share"]["difference"]).collect();
    assert_eq!(differences, [&json!(0.25), &json!(0.5), &json!(0.5)]);
    let failed = file("failed.jsonl", json!({"id": 2, "split": "hard", "failed": "no answer"}));
    let output = stdout(&run(&["compare", text(&one), text(&failed)]));
    assert!(output.contains("CSR 1 of 2"), "{output}");
}
