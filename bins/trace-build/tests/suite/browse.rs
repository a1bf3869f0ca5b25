//! `trace-build browse` as a user runs it.

use std::fs;
use std::path::Path;
use std::process::Output;

use base64::Engine;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::common::{fixture, good, program};

const HOSTILE: [&str; 8] = [
    "</script><script>alert(1)</script>",
    "</style><style>*{display:none}</style>",
    "<img src=x onerror=alert(1)>",
    "\" onmouseover=\"alert(1)",
    "' onfocus='alert(1)",
    "{{ 7 * 7 }}{% include 'base.css' %}",
    "<!--",
    "</details></main><base href=//example.org>",
];

fn browse(file: &Path, out: &Path, arguments: &[&str]) -> Output {
    program("browse").arg(file).arg("--out").arg(out).args(arguments).output().unwrap()
}

/// The page of some rows.
fn page(rows: &[Value], arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rows.jsonl");
    fs::write(&file, rows.iter().map(|row| format!("{row}\n")).collect::<String>()).unwrap();
    page_of(&file, arguments)
}

fn page_of(file: &Path, arguments: &[&str]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("page.html");
    good(&browse(file, &out, arguments));
    fs::read_to_string(out).unwrap()
}

fn instruction(description: &str, constraints: &[(&str, &str)]) -> Value {
    let constraints: Vec<Value> =
        constraints.iter().map(|(text, dimension)| json!({"text": text, "dimension": dimension})).collect();
    json!({"description": description, "constraints": constraints})
}

fn group(x1: Value, x2: Value) -> Value {
    json!({"id": "g", "operation": "REVISE", "x1": x1, "y1": "first", "x2": x2, "y2": "second",
        "provenance": {"generator_model": "writer-7b", "seed": 3}})
}

#[test]
fn what_changed_is_marked_and_what_did_not_is_not() {
    let x1 =
        instruction("Describe the sea.", &[("1. Use five words.", "Numerical"), ("2. Rhyme.", "Emotion")]);
    let x2 =
        instruction("Describe the sea.", &[("1. Use six words.", "Numerical"), ("2. Rhyme.", "Emotion")]);
    let page = page(&[group(x1, x2)], &[]);
    assert!(page.contains("1. Use <mark>five</mark> words."), "{page}");
    assert!(page.contains("1. Use <mark>six</mark> words."), "{page}");
    assert_eq!(page.matches("<mark>").count(), 2);
    assert_eq!(page.matches("<div class=\"part n2 revised\">").count(), 1);
    assert_eq!(page.matches("<div class=\"part n2 same\">").count(), 2);
    for expected in ["first", "second", "writer-7b", "generator model", "2 → 2 constraints", "Numerical (1)"]
    {
        assert!(page.contains(expected), "{expected:?} is missing in\n{page}");
    }
}

#[test]
fn no_text_becomes_markup_or_script() {
    let harmless = page(&[row_of("plain", "other")], &[]);
    for hostile in HOSTILE {
        let page = page(&[row_of(hostile, &format!("{hostile} again"))], &["--unknown-labels", "keep"]);
        // Whatever the text, the page has the elements of one with harmless text, and no other.
        for tag in
            ["<script", "</script", "<style", "</style", "<img", "<base", "<!--", "</details", "</main"]
        {
            assert_eq!(page.matches(tag).count(), harmless.matches(tag).count(), "{tag} after {hostile}");
        }
        for raw in ["49{%", "onmouseover=\"", "onfocus='"] {
            assert!(!page.contains(raw), "{raw} after {hostile}");
        }
    }
}

/// A row in which every text that can be anything is `text`.
fn row_of(text: &str, other: &str) -> Value {
    let x = |text: &str| json!({"description": text, "constraints": [{"text": text, "dimension": text}], "input": text});
    json!({"id": text, "operation": "REVISE", "x1": x(text), "y1": text, "x2": x(other), "y2": other,
        "provenance": {"source": text, "generator_model": text}})
}

#[test]
fn the_page_asks_for_nothing_and_allows_its_own_script_alone() {
    let page = page_of(&fixture("groups.jsonl"), &[]);
    for outside in ["http:", "https:", " src=", "<link rel=\"stylesheet", "@import", "url(", "javascript:"] {
        assert!(!page.contains(outside), "{outside}");
    }
    let script = page.split("<script>").nth(1).unwrap().split("</script>").next().unwrap();
    let hash = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(script));
    assert!(
        page.contains(&format!("default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{hash}'"))
    );
}

#[test]
fn a_page_shows_as_many_rows_as_asked_for_and_says_of_how_many() {
    let page = |arguments| page_of(&fixture("groups.jsonl"), arguments);
    let all = page(&[]);
    assert!(all.contains("All 24 rows"));
    assert_eq!(all.matches("<details class=\"item\"").count(), 24);
    let some = page(&["--limit", "5", "--seed", "9"]);
    assert!(some.contains("5 of 24 rows, sampled with seed 9"), "{some}");
    assert_eq!(some.matches("<details class=\"item\"").count(), 5);
    assert_eq!(some, page(&["--limit", "5", "--seed", "9"]));
    assert_ne!(some, page(&["--limit", "5", "--seed", "10"]));
}

#[test]
fn pairs_completions_and_evaluation_rows_have_pages_too() {
    let pair = json!({"id": "p", "instruction": instruction("Name a fish.", &[("1. One word.", "Numerical")]),
        "chosen": "Carp", "rejected": "A carp, perhaps"});
    let page_of_pair = page(&[pair], &[]);
    for expected in ["<h3>chosen</h3>", "A carp, perhaps", "1. One word.", "1 constraint<"] {
        assert!(page_of_pair.contains(expected), "{expected:?} is missing in\n{page_of_pair}");
    }
    assert!(page(&[json!({"prompt": "Name a bird.", "completion": "Crane"})], &[]).contains("Crane"));
}

#[test]
fn a_file_that_cannot_be_read_leaves_no_page() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rows.jsonl");
    fs::write(&file, "").unwrap();
    let out = folder.path().join("page.html");
    let output = browse(&file, &out, &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("has no rows"));
    assert!(!out.exists());
}

#[test]
fn the_page_replaces_no_rows() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rows.jsonl");
    fs::write(&file, "{\"prompt\": \"p\", \"completion\": \"c\"}\n").unwrap();
    let before = fs::read(&file).unwrap();
    let output = browse(&file, &file, &[]);
    assert!(String::from_utf8(output.stderr).unwrap().contains("is an input and would be overwritten"));
    assert_eq!(fs::read(&file).unwrap(), before);
}
