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

fn refusal(status: u16, words: &str) -> Action {
    let body = json!({"error": {"message": words}}).to_string();
    Action::Status { status, headers: Vec::new(), body }
}

#[test]
fn a_refusal_that_would_hit_every_prompt_ends_a_run_and_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let prompts = prompts(folder.path(), 40);
    for (name, status, requests) in [("key", 401, 1), ("model", 404, 1), ("request", 400, 5)] {
        let server = ScriptedServer::start(move |_, _| refusal(status, "That is wrong.")).unwrap();
        let out = folder.path().join(name).with_extension("jsonl");
        let output = answer(&server, &prompts, &out, &["--concurrency", "1"]);
        assert_eq!((output.status.code(), server.requests()), (Some(3), requests), "{output:?}");
        assert!(
            stderr(&output).contains("would end alike") && stderr(&output).contains("That is wrong."),
            "{output:?}"
        );
    }
}

#[test]
fn the_most_frequent_reasons_are_told() {
    let server = ScriptedServer::start(|request, _| match request.question().as_str() {
        "question 0" => Action::answer("fine"),
        "question 1" => refusal(400, "\u{1b}[31mThat is wrong.\nerror: all is lost"),
        _ => refusal(413, "Too large: 7 MB."),
    })
    .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (prompts, out) = (prompts(folder.path(), 5), folder.path().join("answers.jsonl"));
    let output = answer(&server, &prompts, &out, &["--concurrency", "1"]);
    let said = stderr(&output);
    assert!(
        said.contains("3 without an answer: the endpoint answered with status 413: Too large: 7 MB."),
        "{said}"
    );
    assert!(
        said.contains("1 without an answer: the endpoint answered with status 400: \\u001b[31mThat"),
        "{said}"
    );
    assert!(!said.contains('\u{1b}') && !said.contains("\nerror:"), "{said}");
}

#[test]
fn settings_that_are_sent_otherwise_are_told_once_and_stand_in_the_provenance() {
    let server = ScriptedServer::start(|request, _| match request.json()["max_tokens"].is_null() {
        true => Action::answer("fine"),
        false => refusal(400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."),
    })
    .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (prompts, out) = (prompts(folder.path(), 6), folder.path().join("answers.jsonl"));
    for _ in 0..2 {
        let output = answer(&server, &prompts, &out, &["--max-tokens", "9", "--attempts", "1"]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert_eq!(
            stderr(&output).matches("`max_tokens` sent as `max_completion_tokens`").count(),
            1,
            "{output:?}"
        );
        let provenance = std::fs::read_to_string(out.with_extension("provenance.json")).unwrap();
        let provenance: Value = serde_json::from_str(&provenance).unwrap();
        assert_eq!(provenance["sent_otherwise"], json!(["`max_tokens` sent as `max_completion_tokens`"]));
    }
}

#[test]
fn answers_without_counts_are_answers_and_caps_that_cannot_hold_are_told() {
    let body = json!({"choices": [{"message": {"content": "Blue."}, "finish_reason": null}], "usage": null});
    let server = ScriptedServer::start(move |_, _| Action::Json(body.clone())).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (prompts, out) = (prompts(folder.path(), 3), folder.path().join("answers.jsonl"));
    let output = answer(&server, &prompts, &out, &[]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(stderr(&output).matches("cannot work").count(), 1, "{output:?}");
    assert_eq!(
        read_rows(&out)[0],
        json!({"id": "p0", "prompt": "question 0", "response": "Blue.", "model": "m"})
    );
    let output = answer(&server, &prompts, &out, &[]);
    assert_eq!((output.status.code(), server.requests()), (Some(0), 3), "{output:?}");
}

#[test]
fn reasoning_is_stripped_kept_or_separated_and_never_asked_for_again() {
    let server = ScriptedServer::start(|request, _| match request.question().as_str() {
        "question 0" => Action::answer("<think>Hm.</think>\n\nBlue."),
        "question 1" => Action::answer("<think>Hm."),
        "question 2" => {
            let message = json!({"content": "Blue.", "reasoning_content": "Hm."});
            Action::Json(json!({"choices": [{"message": message, "finish_reason": "stop"}]}))
        }
        _ => Action::answer("Blue."),
    })
    .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (prompts, out) = (prompts(folder.path(), 4), folder.path().join("answers.jsonl"));
    let run = |more: &[&str]| {
        let output = answer(&server, &prompts, &out, more);
        let rows = read_rows(&out);
        let column = |key: &str| rows.iter().map(|row| row[key].clone()).collect::<Vec<_>>();
        (output.status.code(), column("response"), column("reasoning"), stderr(&output))
    };
    let blue = json!("Blue.");
    let (code, responses, reasoning, said) = run(&[]);
    assert_eq!(
        (code, &responses[..]),
        (Some(3), &[blue.clone(), Value::Null, blue.clone(), blue.clone()][..])
    );
    assert!(reasoning.iter().all(Value::is_null));
    assert!(said.contains("out of 2 answers, of which 1 end within it"), "{said}");
    assert!(read_rows(&out)[1]["failed"].as_str().unwrap().contains("incomplete"));

    let (_, responses, reasoning, _) = run(&["--reasoning", "separate"]);
    assert_eq!(responses[0], blue);
    assert_eq!(reasoning, [json!("Hm."), json!("Hm."), json!("Hm."), Value::Null]);
    let (code, responses, ..) = run(&["--reasoning", "keep"]);
    assert_eq!((code, &responses[0]), (Some(0), &json!("<think>Hm.</think>\n\nBlue.")));
    assert_eq!(server.requests(), 4);
}

#[test]
fn a_key_that_is_echoed_in_escapes_reaches_neither_files_nor_the_terminal() {
    const KEY: &str = "sk-proj/0123456789+abcdef";
    let escaped: String = KEY.chars().map(|letter| format!("\\u{:04X}", u32::from(letter))).collect();
    let body =
        format!(r#"{{"error": {{"message": "Incorrect key {escaped}, {}"}}}}"#, KEY.replace('/', "\\/"));
    let server = ScriptedServer::start(move |_, _| Action::Status {
        status: 401,
        headers: Vec::new(),
        body: body.clone(),
    })
    .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (prompts, out) = (prompts(folder.path(), 2), folder.path().join("answers.jsonl"));
    let url = server.base_url();
    let arguments = ["answer", "--benchmark", "prompts", text(&prompts), "--endpoint", &url, "--model", "m"];
    let more = ["--out", text(&out), "--api-key-env", "TRACE_EVAL_TEST_KEY"];
    let output = common::command(&[&arguments[..], &more].concat()).env("TRACE_EVAL_TEST_KEY", KEY).output();
    let output = output.unwrap();
    let mut shown = stdout(&output) + &stderr(&output);
    for file in std::fs::read_dir(folder.path()).unwrap() {
        shown += &std::fs::read_to_string(file.unwrap().path()).unwrap();
    }
    assert!(shown.contains("Incorrect key [redacted], [redacted]"), "{shown}");
    assert!(!shown.contains("0123456789") && !shown.contains("u0030"), "{shown}");
    assert!(server.last_request().unwrap().headers["authorization"].contains(KEY));
}

#[test]
fn arguments_cannot_command_the_terminal() {
    let output = common::run(&["answer", "--no-such-\u{1b}[2J\u{202e}argument"]);
    assert_eq!(output.status.code(), Some(2));
    let said = stderr(&output);
    assert!(said.starts_with("error: ") && !said.contains(['\u{1b}', '\u{202e}']), "{said}");
    assert!(said.contains("\\u001b") || said.contains("\\u202e"), "{said}");
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
