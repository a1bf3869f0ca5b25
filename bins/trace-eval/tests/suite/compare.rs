//! `trace-eval compare` as a user runs it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::common::{self, failure, run, stdout};
use serde_json::{Value, json};

/// Twelve rows of two constraints, of which the first are followed, and two of one.
fn judged(folder: &Path, name: &str, followed: usize) -> PathBuf {
    let row = |row: usize| {
        let score = if row < followed { 10 } else { 4 };
        let constraints: Vec<Value> = (0..if row < 12 { 2 } else { 1 })
            .map(|place| json!({"text": format!("rule {place}"), "score": score}))
            .collect();
        json!({"id": row.to_string(), "prompt": "p", "answer": name, "constraints": constraints})
    };
    common::rows(folder, &format!("{name}.jsonl"), &(0..14).map(row).collect::<Vec<_>>())
}

fn verdicts(folder: &Path, name: &str, strict: [bool; 4]) -> PathBuf {
    let row = |(key, strict): (usize, bool)| {
        let instruction = json!({"kind": "punctuation:no_comma", "strict": strict, "loose": true});
        json!({"key": key, "response": "given", "instructions": [instruction]})
    };
    common::rows(
        folder,
        &format!("{name}.verdicts.jsonl"),
        &strict.into_iter().enumerate().map(row).collect::<Vec<_>>(),
    )
}

/// Items with two questions each.
fn questions(folder: &Path, name: &str, verdicts: [[Option<bool>; 2]; 3]) -> PathBuf {
    let row = |(id, verdicts): (usize, [Option<bool>; 2])| {
        let question = |(place, verdict): (usize, Option<bool>)| json!({"question": place.to_string(), "verdict": verdict});
        let questions: Vec<Value> = verdicts.into_iter().enumerate().map(question).collect();
        json!({"main_id": id, "response": "given", "questions": questions})
    };
    common::rows(folder, name, &verdicts.into_iter().enumerate().map(row).collect::<Vec<_>>())
}

#[test]
fn questions_of_complexbench_are_compared_where_both_have_a_verdict() {
    let folder = tempfile::tempdir().unwrap();
    let (yes, no) = (Some(true), Some(false));
    // A file's own name may have a "=" in it.
    let base = questions(folder.path(), "beta=1.jsonl", [[yes, no], [yes, None], [no, no]]);
    let system = questions(folder.path(), "beta=2.jsonl", [[yes, yes], [no, yes], [yes, yes]]);
    let text = |path: &PathBuf| path.display().to_string();
    let output = run(&["compare", &text(&base), &text(&system), "--baseline", "beta=1", "--json"]);
    let value: Value = serde_json::from_str(&stdout(&output)).unwrap();
    let paired = &value["paired"][0];
    assert_eq!((&paired["metric"], &paired["system"]), (&json!("DRFR"), &json!("beta=2")));
    // Five questions have a verdict in both: two of them hold in the first, four in the second.
    let share = &paired["share"];
    assert_eq!((&share["n"], &share["n_failed"]), (&json!(5), &json!(1)));
    assert_eq!((&share["first"], &share["second"]), (&json!(0.4), &json!(0.8)));
    assert!((share["difference"].as_f64().unwrap() - 0.4).abs() < 1e-12, "{share}");
    assert!(share["interval"]["low"].as_f64().unwrap() < share["interval"]["high"].as_f64().unwrap());

    let rows: Vec<Value> = common::read_rows(&system).into_iter().take(2).collect();
    let short = common::rows(folder.path(), "short.jsonl", &rows);
    let error = failure(&["compare", &text(&base), &text(&short), "--baseline", "short"]);
    assert!(error.contains("not over the same questions of ComplexBench"), "{error}");
}

#[test]
fn systems_stand_side_by_side_and_are_tested_against_the_baseline() {
    let folder = tempfile::tempdir().unwrap();
    let named = |name: &str, path: PathBuf| format!("Q/{name}={}", path.display());
    let runs = [
        named("DPO", judged(folder.path(), "dpo", 3)),
        named("IOPO", judged(folder.path(), "iopo", 9)),
        named("DPO", verdicts(folder.path(), "dpo", [true, false, false, false])),
        named("IOPO", verdicts(folder.path(), "iopo", [true, true, false, false])),
    ];
    let out = folder.path().join("out");
    let mut arguments: Vec<&str> = vec!["compare", "--baseline", "DPO", "--out", common::text(&out)];
    arguments.extend(runs.iter().map(String::as_str));
    let output = run(&arguments);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let page = fs::read_to_string(out.join("tables.md")).unwrap();
    assert!(page.contains("TRACE IF-S | TRACE IF-M | IFEval S-Acc | IFEval L-Acc"), "{page}");
    assert!(page.contains("| Q | DPO | **0.0** | 25.0 | 25.0 | **100.0** |"), "{page}");
    assert!(page.contains("| **75.0** ↑ 50.0 | **50.0** ↑ 25.0 |"), "{page}");

    let value: Value =
        serde_json::from_str(&fs::read_to_string(out.join("comparison.json")).unwrap()).unwrap();
    let metric = |name: &str| {
        let all = value["paired"].as_array().unwrap();
        all.iter().find(|paired| paired["metric"] == name).unwrap()["share"].clone()
    };
    // Six of the twelve are right in the second run alone: p = 2 · 2⁻⁶.
    let multi = metric("IF-M");
    assert_eq!((&multi["only_first"], &multi["only_second"]), (&json!(0), &json!(6)));
    assert!((multi["p_value"].as_f64().unwrap() - 0.03125).abs() < 1e-12, "{multi}");
    assert!((metric("S-Acc")["difference"].as_f64().unwrap() - 0.25).abs() < 1e-12);
    assert!(fs::read_to_string(out.join("report.html")).unwrap().contains("rule 1"));

    arguments.push("--json");
    assert_eq!(stdout(&run(&arguments)).lines().count(), 1);
}

#[test]
fn what_cannot_be_compared_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = |path: &PathBuf| path.display().to_string();
    let (one, two) = (judged(folder.path(), "one", 3), judged(folder.path(), "two", 4));
    let rows: Vec<Value> = common::read_rows(&two).into_iter().take(5).collect();
    let short = common::rows(folder.path(), "short.jsonl", &rows);
    let other = common::rows(folder.path(), "other.jsonl", &[json!({"x": 1})]);
    let check = |arguments: &[&str], expected: &str| {
        let error = failure(&[&["compare"], arguments].concat());
        assert!(error.contains(expected), "{error}");
    };
    check(&[&path(&one), &path(&short), "--baseline", "one"], "the runs have different rows: 9 only in");
    check(&[&path(&one), &path(&two), "--baseline", "three"], "there are one, two");
    check(&[&path(&one), &path(&one)], "one has results of TRACE already");
    check(&[&path(&other)], "neither a judged.jsonl");
    check(&[&format!("={}", path(&one))], "has no name");
    check(&["nowhere.jsonl"], "nowhere.jsonl");
}
