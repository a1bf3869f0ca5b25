//! `trace-eval answer` as a user runs it.

use std::path::{Path, PathBuf};
use std::process::Output;

use crate::common::{self, read_rows, stdout, text};
use chat_client::testing::{Action, ScriptedServer};
use serde_json::{Value, json};

fn prompts(folder: &Path, count: usize) -> PathBuf {
    let rows: Vec<Value> =
        (0..count).map(|row| json!({"id": format!("p{row}"), "prompt": format!("question {row}")})).collect();
    common::rows(folder, "prompts.jsonl", &rows)
}

fn answer(server: &ScriptedServer, prompts: &Path, out: &Path, more: &[&str]) -> Output {
    let url = server.base_url();
    let mut arguments =
        vec!["answer", "--benchmark", "prompts", text(prompts), "--endpoint", &url, "--model", "m"];
    arguments.extend(["--out", text(out), "--retry-delay", "0.01", "--timeout", "2"]);
    arguments.extend(more);
    common::run(&arguments)
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn a_cap_stops_a_run_and_the_next_one_goes_on() {
    let server =
        ScriptedServer::start(|request, _| Action::answer(request.question().to_uppercase())).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (prompts, out) = (prompts(folder.path(), 10), folder.path().join("answers.jsonl"));
    // Each question takes 10 + 5 tokens: at these prices 1 each.
    let prices = ["--input-price", "50000", "--output-price", "100000", "--concurrency", "1"];
    let capped = answer(&server, &prompts, &out, &[&prices[..], &["--max-cost", "4"]].concat());
    assert_eq!(capped.status.code(), Some(3), "{capped:?}");
    assert!(stdout(&capped).contains("4 of 10 prompts answered, 0 failed, 6 not asked"), "{capped:?}");
    assert!(stderr(&capped).contains("the cap of 4 cost is reached"), "{capped:?}");
    assert!(stderr(&capped).contains("40 prompt tokens, 20 completion tokens, cost 4.0000"), "{capped:?}");
    assert_eq!(read_rows(&out).len(), 4);

    let whole = answer(&server, &prompts, &out, &prices);
    assert_eq!(whole.status.code(), Some(0), "{whole:?}");
    assert!(stderr(&whole).contains("6 questions asked, 4 answered by the journal"), "{whole:?}");
    let rows = read_rows(&out);
    assert_eq!(rows.len(), 10);
    assert_eq!(
        rows[7],
        json!({"id": "p7", "prompt": "question 7", "response": "QUESTION 7", "model": "m", "finish_reason": "stop"})
    );
    assert!(server.counts().values().all(|&count| count == 1));
}

#[test]
fn a_question_without_an_answer_has_a_row_that_says_why() {
    let server = ScriptedServer::start(|request, _| match request.question().as_str() {
        "question 1" => Action::status(400),
        _ => Action::answer("fine"),
    })
    .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (prompts, out) = (prompts(folder.path(), 3), folder.path().join("answers.jsonl"));
    let output = answer(&server, &prompts, &out, &[]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let rows = read_rows(&out);
    assert_eq!(rows[1]["response"], Value::Null);
    assert!(rows[1]["failed"].as_str().unwrap().contains("status 400"), "{}", rows[1]);
    assert_eq!(rows[2]["response"], "fine");
}

#[test]
fn a_system_column_is_sent_and_keys_that_are_not_used_are_counted() {
    let server = ScriptedServer::start(|request, _| Action::answer(request.json().to_string())).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let rows = [json!({"id": 7.0, "prompt": "x", "system": "be brief", "topic": "y"})];
    let (file, out) = (common::rows(folder.path(), "p.jsonl", &rows), folder.path().join("answers.jsonl"));
    let output = answer(&server, &file, &out, &[]);
    assert!(stderr(&output).contains("`topic` is not used in 1 row, first row 1 of "), "{output:?}");
    let answers = std::fs::read_to_string(out).unwrap();
    assert!(answers.contains("be brief") && answers.contains("\"id\": \"7\""), "{answers}");
}

#[test]
fn wrong_input_is_one_message_and_exit_code_2() {
    let server = ScriptedServer::start(|_, _| Action::answer("fine")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("answers.jsonl");
    let good = prompts(folder.path(), 2);
    let twice = [json!({"id": "a", "prompt": "x"}), json!({"id": "a", "prompt": "y"})];
    let twice = common::rows(folder.path(), "twice.jsonl", &twice);
    let check = |prompts: &Path, more: &[&str], expected: &str| {
        let output = answer(&server, prompts, &out, more);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(stderr(&output).contains(expected), "{}", stderr(&output));
    };
    check(&twice, &[], "\"a\" more than once");
    check(&good, &["--temperature=-1"], "temperature is -1");
    check(&good, &["--api-key-env", "TRACE_EVAL_NO_SUCH_KEY"], "TRACE_EVAL_NO_SUCH_KEY");
    check(&good, &["--max-cost", "1"], "--input-price");
    check(&good, &["--journal", text(&good)], "is not a record of a journal");
    check(&folder.path().join("none.jsonl"), &[], "none.jsonl");
    for (row, expected) in [
        (json!({"id": "a", "prompt": "x", "tools": ["y"]}), "\"tools\" is not used here"),
        (json!({"id": "a", "prompt": " "}), "prompt is empty"),
        (
            json!({"id": "a", "prompt": "x", "messages": [{"role": "user", "content": "y"}]}),
            "prompt is not the last message of the user",
        ),
        (
            json!({"id": "a", "messages": [{"role": "user", "content": "y", "tool_calls": [1]}]}),
            "\"tool_calls\" is not used here",
        ),
        (
            json!({"id": "a", "system": "s", "messages": [{"role": "system", "content": "t"}, {"role": "user", "content": "y"}]}),
            "system is beside a system message",
        ),
    ] {
        check(&common::rows(folder.path(), "bad.jsonl", &[row]), &[], expected);
    }
    std::fs::write(folder.path().join("rows.csv"), "id,prompt\na,x\n").unwrap();
    check(&folder.path().join("rows.csv"), &[], "it looks like a table");
    assert_eq!(server.requests(), 0);
}
