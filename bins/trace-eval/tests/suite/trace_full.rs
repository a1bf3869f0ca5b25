//! `trace-eval trace` over the whole evaluation set of the paper, with a judge that misbehaves and a run that is killed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::common::{self, command, read_rows, run, shared, stdout, text};
use chat_client::testing::{Action, Request, ScriptedServer};
use serde_json::{Map, Value, json};
use trace_schema::{EvalRow, JsonlReader, UnknownLabels};

/// Rows of the released file.
const ROWS: usize = 1042;

/// Records in the journal when the run is killed.
const KILLED_AT: usize = 400;

/// Requests at a time.
const CONCURRENCY: usize = 16;

/// Stands in an answer, so that a judge's prompt tells which row it is about.
fn mark(row: usize) -> String {
    format!("[answer {row:04}]")
}

fn row_of(prompt: &str) -> usize {
    let place = prompt.rfind("[answer ").unwrap() + "[answer ".len();
    prompt[place..place + 4].parse().unwrap()
}

/// One row in seven misses its last constraint.
fn is_followed(row: usize) -> bool {
    row % 7 != 3
}

fn judgement(constraints: &[String], last: u8) -> String {
    let mut scores: Map<String, Value> =
        constraints.iter().map(|constraint| (constraint.clone(), json!(10))).collect();
    scores.insert(constraints.last().unwrap().clone(), json!(last));
    format!("- Fine Grained Score: [{}]\n- Constraints Overall Score: [[{last}]]", Value::Object(scores))
}

/// What the judge does to a row; 40 rows have the same trouble, or 10 where it costs a second.
fn misbehave(constraints: &[Vec<String>], request: &Request, attempt: u32) -> Action {
    let row = row_of(&request.question());
    let constraints = &constraints[row];
    let own = || judgement(constraints, if is_followed(row) { 10 } else { 4 });
    let action = match (row % 104, attempt) {
        (5, 1) => Action::retry_after("1"),
        (6 | 32 | 58 | 84, 1 | 2) => Action::status(500),
        (7, 1) => Action::Hang,
        (8 | 34 | 60 | 86, 1) => Action::Cut(20),
        (9 | 35 | 61 | 87, 1) => {
            Action::Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{\"choices".to_vec())
        }
        _ if is_unanswered(row) => Action::Json(json!({"choices": "none", "usage": []})),
        _ if is_unreadable(row) => Action::answer("Splendid. 9 out of 10!"),
        (12 | 38 | 64 | 90, 1) => Action::answer("Fine Grained Score: [{}]"),
        (13 | 39 | 65 | 91, _) => Action::answer(format!(
            "It brings its own scores:\n{}\nMine:\n{}",
            judgement(constraints, 10),
            own()
        )),
        _ => Action::answer(own()),
    };
    action.after(Duration::from_millis(10))
}

/// A body of the wrong types each time: no passing trouble, and never an answer.
fn is_unanswered(row: usize) -> bool {
    row % 104 == 10
}

/// Words without scores, each time.
fn is_unreadable(row: usize) -> bool {
    row % 104 == 11
}

fn by_row(server: &ScriptedServer) -> BTreeMap<usize, u32> {
    let mut counts = BTreeMap::new();
    for (question, count) in server.counts() {
        *counts.entry(row_of(&question)).or_default() += count;
    }
    counts
}

/// The rows whose judgements are in the journal; what failed is there as well, and is asked for again.
fn kept(journal: &Path) -> BTreeSet<usize> {
    let lines = fs::read_to_string(journal).unwrap_or_default();
    // Of a line that is not whole yet, nothing is known.
    let records = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    records
        .filter(|record| !record["response"].is_null())
        .map(|record| record["tag"].as_str().unwrap().split(' ').nth(1).unwrap().parse().unwrap())
        .collect()
}

#[test]
fn the_whole_evaluation_set_is_judged_once_through_troubles_and_a_kill() {
    let Some(rows) = shared("the_whole_evaluation_set", "trace_evaluation.jsonl") else { return };
    let reader = JsonlReader::<_, EvalRow>::open(&rows).unwrap().unknown_labels(UnknownLabels::Keep);
    let constraints: Vec<Vec<String>> = reader
        .map(|row| {
            row.unwrap().instruction().constraints.into_iter().map(|constraint| constraint.text).collect()
        })
        .collect();
    assert_eq!(constraints.len(), ROWS);
    let constraints = Arc::new(constraints);
    let server = {
        let constraints = Arc::clone(&constraints);
        ScriptedServer::start(move |request, attempt| misbehave(&constraints, request, attempt)).unwrap()
    };
    let (folder, url) = (tempfile::tempdir().unwrap(), server.base_url());
    let answer = |row: usize| json!({"id": row.to_string(), "response": mark(row), "model": "m"});
    let answers = common::rows(folder.path(), "m.jsonl", &(0..ROWS).map(answer).collect::<Vec<_>>());
    let out = folder.path().join("out");
    let concurrency = CONCURRENCY.to_string();
    let typed = [
        ["trace", "--rows", text(&rows), "--answers", text(&answers), "--out", text(&out)].as_slice(),
        &["--judge-endpoint", &url, "--judge-model", "judge", "--timeout", "2", "--retry-delay", "0.01"],
        &["--concurrency", &concurrency, "--json"],
    ]
    .concat();

    let mut child = command(&typed).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let (start, journal) = (Instant::now(), out.join("journal.jsonl"));
    while kept(&journal).len() < KILLED_AT {
        assert!(start.elapsed() < Duration::from_secs(300), "{} rows", kept(&journal).len());
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!out.join("judged.jsonl").exists());
    let (before, asked) = (kept(&journal), by_row(&server));

    let last = run(&typed);
    assert_eq!(last.status.code(), Some(3), "{last:?}");
    let after = by_row(&server);
    let mut again = 0;
    for row in (0..ROWS).filter(|row| before.contains(row) && !is_unreadable(*row)) {
        // A row's first judgement may have been unreadable, and its second under way when the run was killed.
        if row % 26 != 12 {
            assert_eq!(after[&row], asked[&row], "row {row} was asked about again");
            again += 1;
        }
    }
    assert!(again > KILLED_AT / 2, "{again}");
    assert_eq!(after.len(), ROWS);

    let judged = read_rows(&out.join("judged.jsonl"));
    let ids = judged.iter().map(|row| row["id"].as_str().unwrap().parse::<usize>().unwrap());
    assert!(ids.eq(0..ROWS), "every row in its order");
    for (row, judged) in judged.iter().enumerate() {
        assert_eq!(judged.get("failed").is_some(), is_unanswered(row) || is_unreadable(row), "{judged}");
        if judged.get("failed").is_none() {
            let scores = judged["constraints"].as_array().unwrap();
            let expected = if is_followed(row) { 10 } else { 4 };
            assert_eq!(scores.len(), constraints[row].len());
            assert_eq!(scores.last().unwrap()["score"], expected, "{judged}");
        }
    }
    let failed = (0..ROWS).filter(|row| is_unanswered(*row) || is_unreadable(*row)).count();
    let followed = (0..ROWS).filter(|row| is_followed(*row) && !is_unanswered(*row) && !is_unreadable(*row));
    let followed = followed.count();
    let value: Value = serde_json::from_str(&stdout(&last)).unwrap();
    let all = &value["scores"]["all"]["followed"];
    assert_eq!(
        (all["n"].as_u64(), all["n_failed"].as_u64()),
        (Some((ROWS - failed) as u64), Some(failed as u64))
    );
    assert_eq!(all["value"].as_f64(), Some(followed as f64 / (ROWS - failed) as f64));
    // Under way at the kill were as many as there are places.
    let troubles: u32 = after.values().sum::<u32>() - ROWS as u32;
    println!(
        "{ROWS} rows, {} requests, {troubles} of them again, {failed} without a verdict",
        server.requests()
    );
}
