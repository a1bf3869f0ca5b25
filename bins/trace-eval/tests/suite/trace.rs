//! `trace-eval trace` against a judge that misbehaves.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::common::trace::{answers, eval_rows, judgement, row_of};
use crate::common::{self, command, read_rows, run, stdout, text};
use chat_client::testing::{Action, Request, ScriptedServer};
use serde_json::{Value, json};

/// The arguments of a run whose waits are short.
fn arguments<'a>(files: [&'a Path; 3], url: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let [rows, answers, out] = files.map(text);
    let fixed = ["trace", "--rows", rows, "--answers", answers, "--out", out, "--judge-endpoint", url];
    let judge = ["--judge-model", "judge", "--timeout", "1", "--retry-delay", "0.01"];
    fixed.into_iter().chain(judge).chain(more.iter().copied()).collect()
}

/// How often each row has been asked about.
fn by_row(server: &ScriptedServer) -> BTreeMap<usize, u32> {
    let mut counts = BTreeMap::new();
    for (question, count) in server.counts() {
        *counts.entry(row_of(&question)).or_default() += count;
    }
    counts
}

/// A judge with something wrong about most rows; `attempt` counts requests of the same body.
fn misbehave(request: &Request, attempt: u32) -> Action {
    let row = row_of(&request.question());
    let good = || Action::answer(judgement(row, if row == 0 { &[10] } else { &[10, 10] }));
    match (row, attempt) {
        (1, 1) => Action::retry_after("1"),
        (2, 1 | 2) => Action::status(500),
        (3, 1) => Action::Hang,
        (4, 1) => Action::Cut(20),
        (5, 1) => Action::Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{\"choices".to_vec()),
        // A body of the wrong types is no passing trouble, and is not asked for again within a run.
        (6, 1) => Action::Json(json!({"choices": "none", "usage": []})),
        (7, _) => Action::answer("I like this answer. 9 out of 10!"),
        (8, 1) => Action::answer("Fine Grained Score: [{}]"),
        // The judge quotes scores that the answer brought along, and gives its own below.
        (9, _) => Action::answer(format!(
            "The answer says:\n{}\nThat is not for it to say.\n{}",
            judgement(9, &[10, 10]),
            judgement(9, &[10, 3])
        )),
        (10, _) => Action::answer(judgement(10, &[0, 0])),
        _ => good(),
    }
}

#[test]
fn a_judge_that_misbehaves_loses_no_row() {
    let server = ScriptedServer::start(misbehave).unwrap();
    let (folder, url) = (tempfile::tempdir().unwrap(), server.base_url());
    let (rows, answers) = (eval_rows(folder.path(), 14), answers(folder.path(), "m.jsonl", 14, &[13]));
    let out = folder.path().join("out");
    let typed = arguments([&rows, &answers, &out], &url, &["--json"]);
    let first = run(&typed);
    assert_eq!(first.status.code(), Some(3), "{first:?}");

    let judged = read_rows(&out.join("judged.jsonl"));
    let ids: Vec<_> =
        judged.iter().map(|row| row["id"].as_str().unwrap().parse::<usize>().unwrap()).collect();
    assert_eq!(ids, (0..14).collect::<Vec<_>>(), "every row in its order");
    let failed = |row: usize| judged[row]["failed"].as_str();
    let without_verdict: Vec<_> = (0..14).filter(|&row| failed(row).is_some()).collect();
    assert_eq!(without_verdict, [6, 7, 13]);
    assert!(failed(6).unwrap().contains("malformed at choices"), "{:?}", failed(6));
    assert!(failed(7).unwrap().contains("cannot be read: found no JSON object"), "{:?}", failed(7));
    assert!(failed(13).unwrap().contains("no answer to judge"), "{:?}", failed(13));
    assert_eq!(judged[9]["constraints"][1]["score"], 3, "the quoted scores do not count");

    let value: Value = serde_json::from_str(&stdout(&first)).unwrap();
    let expected = json!({"judgements": 13, "read": 11, "asked_again": 2, "unreadable": 1, "unanswered": 1, "not_asked": 0});
    assert_eq!(value["judging"], expected);
    let all = &value["scores"]["all"]["followed"];
    assert_eq!((all["n"].as_u64(), all["n_failed"].as_u64()), (Some(11), Some(3)));
    assert_eq!(all["value"].as_f64(), Some(9.0 / 11.0));
    assert_eq!(value["scores"]["single"]["followed"]["n"], 1);
    assert_eq!(value["without_answer"], 1);
    let expected = BTreeMap::from_iter((0..13).map(|row| {
        (
            row,
            match row {
                1 | 3 | 4 | 5 | 8 => 2,
                2 | 7 => 3,
                _ => 1,
            },
        )
    }));
    assert_eq!(by_row(&server), expected);
    for file in ["votes.jsonl", "scores.json", "tables.md", "report.html", "journal.jsonl"] {
        assert!(out.join(file).exists(), "{file}");
    }
    let page = fs::read_to_string(out.join("report.html")).unwrap();
    assert!(page.contains("template SHA-256") && page.contains("no answer to judge"));

    // Another run asks for what had no answer, and for nothing else.
    let second = run(&typed);
    assert_eq!(second.status.code(), Some(3), "{second:?}");
    let mut expected = expected;
    expected.insert(6, 2);
    assert_eq!(by_row(&server), expected);
    let failed = read_rows(&out.join("judged.jsonl"));
    assert_eq!(failed.iter().filter(|row| row.get("failed").is_some()).count(), 2);
}

#[test]
fn a_run_that_is_killed_asks_nothing_twice() {
    const ROWS: usize = 150;
    let server = ScriptedServer::start(|request, _| {
        let row = row_of(&request.question());
        let scores: &[u8] = if row == 0 { &[10] } else { &[10, 10] };
        Action::answer(judgement(row, scores)).after(Duration::from_millis(15))
    })
    .unwrap();
    let (folder, url) = (tempfile::tempdir().unwrap(), server.base_url());
    let (rows, answers) = (eval_rows(folder.path(), ROWS), answers(folder.path(), "m.jsonl", ROWS, &[]));
    let out = folder.path().join("out");
    let typed = arguments([&rows, &answers, &out], &url, &["--concurrency", "4"]);
    let journal = out.join("journal.jsonl");
    let tags = || -> Vec<String> {
        // Of a line that is not whole yet, nothing is known.
        let lines = fs::read_to_string(&journal).unwrap_or_default();
        let lines = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.map(|record| record["tag"].as_str().unwrap().to_owned()).collect()
    };
    for kill in 1..=2 {
        let mut child = command(&typed).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let start = Instant::now();
        while tags().len() < 40 * kill {
            assert!(start.elapsed() < Duration::from_secs(60), "{} records", tags().len());
            std::thread::sleep(Duration::from_millis(2));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!out.join("judged.jsonl").exists());
    }
    let (kept, before) = (tags(), by_row(&server));
    assert!(kept.len() >= 80 && kept.len() < ROWS, "{}", kept.len());
    let last = run(&typed);
    assert_eq!(last.status.code(), Some(0), "{last:?}");
    let after = by_row(&server);
    for tag in &kept {
        let row: usize = tag.split(' ').nth(1).unwrap().parse().unwrap();
        assert_eq!(after[&row], before[&row], "{tag} was asked again");
    }
    assert_eq!(after.len(), ROWS);
    // Twice was asked only what was under way at a kill.
    assert!(server.requests() <= (ROWS + 2 * 4) as u64, "{}", server.requests());
    assert_eq!(read_rows(&out.join("judged.jsonl")).len(), ROWS);
    assert!(stdout(&last).contains("100.0"), "{}", stdout(&last));
}

#[test]
fn a_cap_before_the_second_time_leaves_the_reason_of_the_first() {
    let server = ScriptedServer::start(|_, _| Action::answer("I like it.")).unwrap();
    let (folder, url) = (tempfile::tempdir().unwrap(), server.base_url());
    let (rows, answers) = (eval_rows(folder.path(), 2), answers(folder.path(), "m.jsonl", 2, &[]));
    let out = folder.path().join("out");
    // Each question takes 10 + 5 tokens: at these prices 1 each.
    let prices = ["--input-price", "50000", "--output-price", "100000", "--max-cost", "2"];
    let more = [&prices[..], &["--concurrency", "1", "--parse-attempts", "2", "--json"]].concat();
    let output = run(&arguments([&rows, &answers, &out], &url, &more));
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let value: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let expected = json!({"judgements": 2, "read": 0, "asked_again": 0, "unreadable": 2, "unanswered": 0, "not_asked": 0});
    assert_eq!(value["judging"], expected);
    for row in read_rows(&out.join("judged.jsonl")) {
        assert!(row["failed"].as_str().unwrap().contains("cannot be read"), "{row}");
    }
}

#[test]
fn votes_are_joined_and_their_agreement_is_reported() {
    // The seed tells votes apart: the second of three finds a fault in row 1.
    let server = ScriptedServer::start(|request, _| {
        let row = row_of(&request.question());
        let vote = request.json()["seed"].as_u64().unwrap() % 100;
        match (row, vote) {
            (0, _) => Action::answer(judgement(0, &[10])),
            (1, 1) => Action::answer(judgement(1, &[10, 4])),
            // Two of three votes on row 2 are unreadable for good.
            (2, 0 | 1) => Action::answer("no"),
            _ => Action::answer(judgement(row, &[10, 10])),
        }
    })
    .unwrap();
    let (folder, url) = (tempfile::tempdir().unwrap(), server.base_url());
    let (rows, answers) = (eval_rows(folder.path(), 3), answers(folder.path(), "m.jsonl", 3, &[]));
    let out = folder.path().join("out");
    let more = ["--votes", "3", "--seed", "0", "--language", "en", "--parse-attempts", "2"];
    let output = run(&arguments([&rows, &answers, &out], &url, &more));
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let scores: Value = serde_json::from_str(&fs::read_to_string(out.join("scores.json")).unwrap()).unwrap();
    // Three constraints with all votes; on one of them one pair of three agrees.
    let share = scores["agreement"]["full_score"]["percent_agreement"].as_f64().unwrap();
    assert!((share - (1.0 + 1.0 + 1.0 / 3.0) / 3.0).abs() < 1e-12, "{share}");
    let judged = read_rows(&out.join("judged.jsonl"));
    assert_eq!(judged[1]["constraints"][1]["score"], 10, "the median of 10, 4 and 10");
    assert!(judged[2]["failed"].as_str().unwrap().starts_with("1 of 3 votes count"), "{}", judged[2]);
    let votes = read_rows(&out.join("votes.jsonl"));
    assert_eq!(votes.len(), 9);
    assert_eq!((&votes[6]["attempts"], &votes[8]["attempts"]), (&json!(2), &json!(1)));
}

#[test]
fn the_compatible_parser_reads_the_first_overall_score() {
    let server = ScriptedServer::start(|request, _| {
        let row = row_of(&request.question());
        Action::answer(match row {
            0 => "Constraints Overall Score: [[10]] Constraints Overall Score: [[3]]",
            1 => "Constraints Overall Score: [[7.5]]",
            _ => "Constraints Overall Score: [[10/10]]",
        })
    })
    .unwrap();
    let (folder, url) = (tempfile::tempdir().unwrap(), server.base_url());
    let (rows, answers) = (eval_rows(folder.path(), 3), answers(folder.path(), "m.jsonl", 3, &[]));
    let out = folder.path().join("out");
    let more = ["--compatible-parser", "--parse-attempts", "1"];
    let output = run(&arguments([&rows, &answers, &out], &url, &more));
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    let judged = read_rows(&out.join("judged.jsonl"));
    assert_eq!(judged[0]["constraints"][0]["score"], 10);
    assert_eq!(judged[1]["constraints"][1]["score"], 7.5);
    assert!(judged[2]["failed"].as_str().unwrap().contains("error when extracting score"));
    assert!(!stdout(&output).contains("By constraint dimension"), "{}", stdout(&output));
}

#[test]
fn answers_must_be_to_the_rows() {
    let folder = tempfile::tempdir().unwrap();
    let (rows, out) = (eval_rows(folder.path(), 2), folder.path().join("out"));
    let check = |answers: &[Value], expected: &str| {
        let answers = common::rows(folder.path(), "answers.jsonl", answers);
        let error = common::failure(&arguments([&rows, &answers, &out], "http://127.0.0.1:9/v1", &[]));
        assert!(error.contains(expected), "{error}");
    };
    check(&[json!({"id": "9", "response": "x"})], "none of the rows, for instance that with the id \"9\"");
    check(&[json!({"id": "1", "response": "x", "prompt": "Another"})], "\"1\" in");
    check(&[json!({"id": "1", "response": "x"}), json!({"id": "1", "response": "y"})], "more than once");
    check(&[json!({"id": "1", "response": 5})], "row 1 of");
}
