//! No command replaces what it did not write, or what it reads.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use chat_client::testing::{Action, ScriptedServer};
use serde_json::{Value, json};

use crate::common::trace::{answers, eval_rows, judgement, row_of};
use crate::common::{self, failure, read_rows, run, text};

fn prompts(folder: &Path) -> PathBuf {
    let rows: Vec<Value> =
        (0..2).map(|row| json!({"id": format!("p{row}"), "prompt": format!("question {row}")})).collect();
    common::rows(folder, "prompts.jsonl", &rows)
}

fn typed<'a>(url: &'a str, prompts: &'a Path, out: &'a Path, more: &[&'a str]) -> Vec<&'a str> {
    let fixed = ["answer", "--benchmark", "prompts", text(prompts), "--endpoint", url, "--model", "m"];
    let rest = ["--out", text(out), "--retry-delay", "0.01", "--timeout", "2", "--attempts", "1"];
    [&fixed[..], &rest, more].concat()
}

fn fine() -> ScriptedServer {
    ScriptedServer::start(|_, _| Action::answer("fine")).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Ifeval on one prompt.
fn ifeval<'a>(prompts: &'a Path, responses: &'a Path, out: &'a Path) -> Vec<&'a str> {
    vec!["ifeval", "--prompts", text(prompts), "--responses", text(responses), "--out", text(out)]
}

fn ifeval_files(folder: &Path, name: &str) -> (PathBuf, PathBuf) {
    let prompt = json!({"key": 1, "prompt": "Say it.", "instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}]});
    let prompts = common::rows(folder, "ifeval.jsonl", &[prompt]);
    (prompts, common::rows(folder, name, &[json!({"prompt": "Say it.", "response": "It"})]))
}

#[test]
fn answers_replace_neither_their_prompts_nor_their_journal() {
    let (server, folder) = (fine(), tempfile::tempdir().unwrap());
    let url = server.base_url();
    let prompts = prompts(folder.path());
    let before = fs::read(&prompts).unwrap();
    let hard = folder.path().join("hard.jsonl");
    fs::hard_link(&prompts, &hard).unwrap();
    let roundabout = folder.path().join("./prompts.jsonl");
    for out in [&prompts, &hard, &roundabout] {
        let errors = failure(&typed(&url, &prompts, out, &[]));
        assert!(errors.contains("is an input and would be overwritten"), "{errors}");
    }
    let q = folder.path().join("q");
    let provenance = folder.path().join("q.provenance.json");
    for journal in [&q, &provenance] {
        let errors = failure(&typed(&url, &prompts, &q, &["--journal", text(journal)]));
        assert!(errors.contains("is an input and would be overwritten"), "{errors}");
        assert!(!journal.exists());
    }
    assert_eq!(fs::read(&prompts).unwrap(), before);
    assert_eq!(server.requests(), 0);
}

#[test]
fn a_file_that_no_run_wrote_is_refused_before_anything_is_asked() {
    let (server, folder) = (fine(), tempfile::tempdir().unwrap());
    let url = server.base_url();
    let (prompts, out) = (prompts(folder.path()), folder.path().join("answers.jsonl"));
    for name in ["answers.jsonl", "answers.provenance.json"] {
        let file = folder.path().join(name);
        fs::write(&file, "mine").unwrap();
        let errors = failure(&typed(&url, &prompts, &out, &[]));
        assert!(errors.contains(name) && errors.contains("trace-eval answer did not write it"), "{errors}");
        assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
        fs::remove_file(file).unwrap();
    }
    assert_eq!(server.requests(), 0);
    // Its own file is replaced as often as wanted, until somebody edits it.
    for _ in 0..2 {
        assert_eq!(run(&typed(&url, &prompts, &out, &[])).status.code(), Some(0));
    }
    let edited = fs::read_to_string(&out).unwrap().replace("fine", "mine");
    fs::write(&out, &edited).unwrap();
    let errors = failure(&typed(&url, &prompts, &out, &[]));
    assert!(errors.contains("changed after trace-eval answer wrote it; move it away"), "{errors}");
    assert_eq!(fs::read_to_string(&out).unwrap(), edited);
}

#[test]
fn answers_stay_while_the_endpoint_is_down() {
    let (server, folder) = (fine(), tempfile::tempdir().unwrap());
    let url = server.base_url();
    let (prompts, out) = (prompts(folder.path()), folder.path().join("answers.jsonl"));
    assert_eq!(run(&typed(&url, &prompts, &out, &[])).status.code(), Some(0));
    let before = fs::read(&out).unwrap();
    // Another setting asks other questions, and nobody answers them.
    let output = run(&typed("http://127.0.0.1:9/v1", &prompts, &out, &["--temperature", "0.5"]));
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert!(stderr(&output).contains("nothing was answered"), "{output:?}");
    assert_eq!(fs::read(&out).unwrap(), before);
}

#[test]
fn a_missing_folder_is_noticed_before_anything_is_asked() {
    let (server, folder) = (fine(), tempfile::tempdir().unwrap());
    let url = server.base_url();
    let (prompts, out) = (prompts(folder.path()), folder.path().join("missing/answers.jsonl"));
    let journal = folder.path().join("journal.jsonl");
    let errors = failure(&typed(&url, &prompts, &out, &["--journal", text(&journal)]));
    assert!(errors.contains("cannot create") && errors.contains("missing/answers.jsonl"), "{errors}");
    assert_eq!(server.requests(), 0);
}

#[test]
fn what_a_killed_run_left_beside_the_answers_goes_with_the_next() {
    let (server, folder) = (fine(), tempfile::tempdir().unwrap());
    let url = server.base_url();
    let (prompts, out) = (prompts(folder.path()), folder.path().join("answers.jsonl"));
    let left = [".answers.jsonl.part-Ab3dEf.tmp", ".answers.provenance.json.part-Ab3dEf.tmp"]
        .map(|name| folder.path().join(name));
    left.iter().for_each(|left| fs::write(left, "half").unwrap());
    assert_eq!(run(&typed(&url, &prompts, &out, &[])).status.code(), Some(0));
    assert!(left.iter().all(|left| !left.exists()));
}

#[test]
fn an_edited_answer_in_a_journal_is_noted_and_asked_for_again() {
    let (server, folder) = (fine(), tempfile::tempdir().unwrap());
    let url = server.base_url();
    let (prompts, out) = (prompts(folder.path()), folder.path().join("answers.jsonl"));
    assert_eq!(run(&typed(&url, &prompts, &out, &[])).status.code(), Some(0));
    let journal = folder.path().join("answers.journal.jsonl");
    let edited = fs::read_to_string(&journal).unwrap().replacen("fine", "mine", 1);
    fs::write(&journal, &edited).unwrap();
    let output = run(&typed(&url, &prompts, &out, &[]));
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(stderr(&output).contains("the first in line 1, were edited or damaged"), "{output:?}");
    assert!(read_rows(&out).iter().all(|row| row["response"] == "fine"));
    assert_eq!(server.requests(), 3);
    assert!(fs::read_to_string(&journal).unwrap().starts_with(&edited));
}

#[test]
fn a_report_replaces_no_input_of_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let (prompts, responses) = ifeval_files(folder.path(), "verdicts.jsonl");
    let before = fs::read(&responses).unwrap();
    let errors = failure(&ifeval(&prompts, &responses, folder.path()));
    assert!(errors.contains("is an input and would be overwritten"), "{errors}");
    assert_eq!(fs::read(&responses).unwrap(), before);
}

#[test]
fn a_report_of_one_command_is_not_replaced_by_another() {
    let folder = tempfile::tempdir().unwrap();
    let (prompts, responses) = ifeval_files(folder.path(), "responses.jsonl");
    let out = folder.path().join("out");
    for _ in 0..2 {
        assert_eq!(run(&ifeval(&prompts, &responses, &out)).status.code(), Some(0));
    }
    let page = fs::read(out.join("report.html")).unwrap();
    let verdicts = out.join("verdicts.jsonl");
    let errors = failure(&["compare", text(&verdicts), "--out", text(&out)]);
    assert!(errors.contains("trace-eval ifeval wrote it, not trace-eval compare"), "{errors}");
    assert_eq!(fs::read(out.join("report.html")).unwrap(), page);
}

#[test]
fn scores_stay_while_the_judge_is_down() {
    let server = ScriptedServer::start(|request, _| {
        let row = row_of(&request.question());
        Action::answer(judgement(row, if row == 0 { &[10] } else { &[10, 10] }))
    })
    .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (rows, answers) = (eval_rows(folder.path(), 2), answers(folder.path(), "answers.jsonl", 2, &[]));
    let out = folder.path().join("out");
    let url = server.base_url();
    let typed = |url: &str, more: &[&str]| {
        let fixed = ["trace", "--rows", text(&rows), "--answers", text(&answers), "--out", text(&out)];
        let judge =
            ["--judge-endpoint", url, "--judge-model", "judge", "--retry-delay", "0.01", "--attempts", "1"];
        run(&[&fixed[..], &judge, more].concat())
    };
    assert_eq!(typed(&url, &[]).status.code(), Some(0));
    let before = fs::read(out.join("judged.jsonl")).unwrap();
    let output = typed("http://127.0.0.1:9/v1", &["--temperature", "0.5"]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert!(stderr(&output).contains("no judgement could be read"), "{output:?}");
    assert_eq!(fs::read(out.join("judged.jsonl")).unwrap(), before);
}

#[test]
fn a_folder_that_is_a_file_is_named_before_anything_is_asked() {
    let folder = tempfile::tempdir().unwrap();
    let (prompts, responses) = ifeval_files(folder.path(), "responses.jsonl");
    let errors = failure(&ifeval(&prompts, &responses, &responses));
    assert!(errors.contains("is a file, not a folder"), "{errors}");
    #[cfg(unix)]
    {
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("nowhere", &link).unwrap();
        let errors = failure(&ifeval(&prompts, &responses, &link));
        assert!(errors.contains("is a link to nowhere, where nothing is"), "{errors}");
    }
}
