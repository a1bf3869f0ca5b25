//! `trace-build export` as a user runs it.

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};

use crate::common::{self, fixture, program};

fn export(files: &[&Path], out: &Path, arguments: &[&str]) -> Output {
    program("export").args(files).arg("--out").arg(out).args(arguments).output().unwrap()
}

fn good(files: &[&Path], out: &Path, arguments: &[&str]) -> String {
    common::good(&export(files, out, arguments))
}

fn bad(files: &[&Path], out: &Path, arguments: &[&str]) -> String {
    common::failure(&export(files, out, arguments))
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn a_sharegpt_file_comes_with_its_entry_and_the_others_stay() {
    let folder = tempfile::tempdir().unwrap();
    let info = folder.path().join("dataset_info.json");
    let foreign = json!({"zeta": {"file_name": "z.json", "extra": [1]}, "alpha": {"hf_hub_url": "a/b"}});
    fs::write(&info, foreign.to_string()).unwrap();
    let out = folder.path().join("trace.json");
    let printed = good(&[&fixture("groups.jsonl")], &out, &["--to", "sharegpt", "--name", "trace_iopo"]);
    assert!(printed.contains("24 groups in the format sharegpt\n"), "{printed}");
    let entries = read(&info);
    let names: Vec<&String> = entries.as_object().unwrap().keys().collect();
    assert_eq!(names, ["zeta", "alpha", "trace_iopo"]);
    assert_eq!((&entries["zeta"], &entries["alpha"]), (&foreign["zeta"], &foreign["alpha"]));
    // The entry of the paper's fork.
    let columns = json!({"messages": "conversations", "chosen": "chosen", "rejected": "rejected"});
    assert_eq!(
        entries["trace_iopo"],
        json!({"file_name": "trace.json", "formatting": "sharegpt", "ranking": true, "columns": columns})
    );
    assert_eq!(read(&out).as_array().unwrap().len(), 24);
}

#[test]
fn an_entry_of_another_file_is_not_replaced_and_nothing_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let info = folder.path().join("dataset_info.json");
    let foreign = r#"{"trace": {"file_name": "other.json"}}"#;
    fs::write(&info, foreign).unwrap();
    let out = folder.path().join("trace.json");
    let message = bad(&[&fixture("groups.jsonl")], &out, &["--to", "sharegpt"]);
    assert!(message.contains("has an entry \"trace\" for another dataset"), "{message}");
    assert!(message.contains("--name"), "{message}");
    assert_eq!(fs::read_to_string(&info).unwrap(), foreign);
    assert!(!out.exists());
    fs::write(&info, "[]").unwrap();
    let message = bad(&[&fixture("groups.jsonl")], &out, &["--to", "sharegpt"]);
    assert!(message.contains("is not a JSON object"), "{message}");
    assert!(!out.exists());
}

#[test]
fn our_own_entry_is_renewed_and_keeps_what_others_added() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("rows.jsonl");
    let groups = fixture("groups.jsonl");
    good(&[&groups], &out, &["--to", "sharegpt", "--as", "pairs"]);
    let info = folder.path().join("dataset_info.json");
    let mut entries = read(&info);
    assert_eq!(entries["rows"]["ranking"], true);
    entries["rows"]["num_samples"] = json!(5);
    fs::write(&info, entries.to_string()).unwrap();
    good(&[&groups], &out, &["--to", "alpaca", "--as", "completions"]);
    let columns = json!({"prompt": "instruction", "query": "input", "response": "output"});
    let expected =
        json!({"file_name": "rows.jsonl", "formatting": "alpaca", "columns": columns, "num_samples": 5});
    assert_eq!(read(&info), json!({"rows": expected}));
}

#[test]
fn the_same_rows_give_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["rows.jsonl", "rows.json", "rows.parquet"] {
        let bytes = ["a", "b"].map(|place| {
            let out = folder.path().join(place).join(name);
            fs::create_dir_all(out.parent().unwrap()).unwrap();
            good(&[&fixture("groups.jsonl")], &out, &["--to", "trl-chat", "--as", "pairs", "--ids"]);
            fs::read(out).unwrap()
        });
        assert!(!bytes[0].is_empty() && bytes[0] == bytes[1], "{name}");
    }
}

#[test]
fn several_files_become_one() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("all.jsonl");
    let files = [fixture("groups.jsonl"), fixture("eval_groups.jsonl")];
    let printed = good(&[&files[0], &files[1]], &out, &["--to", "messages", "--as", "completions"]);
    assert!(printed.contains("64 completions in the format messages"), "{printed}");
    assert_eq!(fs::read_to_string(out).unwrap().lines().count(), 2 * (24 + 8));
}

#[test]
fn what_cannot_be_exported_is_an_error_that_leaves_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let rows = folder.path().join("in.jsonl");
    fs::write(&rows, "{\"prompt\": \"q\", \"completion\": \"a\"}\n").unwrap();
    let empty = folder.path().join("empty.jsonl");
    fs::write(&empty, "").unwrap();
    let groups = fixture("groups.jsonl");
    let cases: [(&Path, &str, &[&str], &str); 6] = [
        (&groups, "out.jsonl", &["--to", "trl"], "`--as pairs`"),
        (&groups, "out.csv", &["--to", "trace"], "ends in none of .jsonl, .json and .parquet"),
        (&rows, "out.jsonl", &["--to", "trl", "--as", "pairs"], "is one of completions, which hold no pairs"),
        (&empty, "out.jsonl", &["--to", "trl"], "has no rows"),
        (&rows, "in.jsonl", &["--to", "trace"], "is an input and would be overwritten"),
        (&groups, "no/folder/out.jsonl", &["--to", "trace"], "cannot create"),
    ];
    for (file, out, arguments, expected) in cases {
        let message = bad(&[file], &folder.path().join(out), arguments);
        assert!(message.contains(expected), "{message}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn keys_that_other_formats_have_no_place_for_are_counted() {
    let folder = tempfile::tempdir().unwrap();
    let row = json!({
        "id": 1.0, "messages": [{"role": "user", "content": "d\nc\n"}], "type": "trace", "description": "d",
        "constraints": "c", "input": "NULL", "constraints_num": 1.0, "constraints_splits": ["c"],
        "levels2": ["数值约束"], "category": "trace", "difficulty": 3
    });
    let file = folder.path().join("eval.jsonl");
    fs::write(&file, format!("\n{row}\n")).unwrap();
    let notes = |to: &str| {
        let output = export(&[&file], &folder.path().join(format!("{to}.jsonl")), &["--to", to]);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let line =
        format!("note: `difficulty` is not used in 1 row, first row 2 of {} (id \"1\")\n", file.display());
    assert_eq!(notes("trl"), line);
    assert_eq!(notes("trace"), "");
}
