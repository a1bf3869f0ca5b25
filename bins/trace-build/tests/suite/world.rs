//! `trace-build world` as a user runs it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::Value;
use trace_schema::{DatasetReader, EvalRow, JsonlReader};
use trace_world::Task;

use crate::common::{failure, good, program, stdout};

const FILES: [&str; 8] = [
    "eval_more.jsonl",
    "eval_multi.jsonl",
    "eval_pairs.jsonl",
    "eval_single.jsonl",
    "groups.jsonl",
    "pairs.jsonl",
    "sft.jsonl",
    "world.json",
];

fn world(out: &Path, arguments: &[&str]) -> Output {
    let mut command = program("world");
    command.args(["--rows", "40", "--eval-rows", "10", "--out"]).arg(out).args(arguments);
    command.output().unwrap()
}

#[test]
fn a_folder_gets_eight_files_that_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("deep/er");
    let output = world(&out, &[]);
    let printed = good(&output);
    for expected in ["groups.jsonl", "eval_pairs.jsonl", "Candidates that were not kept", "first fits second"]
    {
        assert!(printed.contains(expected), "{expected:?} is missing in\n{printed}");
    }
    let mut names: Vec<String> =
        fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| !name.starts_with('.'));
    names.sort();
    assert_eq!(names, FILES);
    for (file, rows) in [("groups.jsonl", 40), ("pairs.jsonl", 40), ("eval_single.jsonl", 10)] {
        let reader = DatasetReader::open(out.join(file)).unwrap();
        assert_eq!(reader.collect::<Result<Vec<_>, _>>().unwrap().len(), rows, "{file}");
    }
    let sft = fs::read_to_string(out.join("sft.jsonl")).unwrap();
    let row: Value = serde_json::from_str(sft.lines().next().unwrap()).unwrap();
    let keys: Vec<&String> = row.as_object().unwrap().keys().collect();
    assert_eq!((keys, sft.lines().count()), (vec![&"prompt".to_owned(), &"completion".to_owned()], 40));
}

#[test]
fn evaluation_files_are_enough_to_judge_answers() {
    let folder = tempfile::tempdir().unwrap();
    world(folder.path(), &[]);
    for file in FILES.iter().filter(|file| file.starts_with("eval_")) {
        for row in JsonlReader::<_, EvalRow>::open(folder.path().join(file)).unwrap() {
            let task = Task::from_eval_row(&row.unwrap()).unwrap();
            assert!(!task.verdict("").followed());
        }
    }
}

#[test]
fn the_same_arguments_give_the_same_files() {
    let folder = tempfile::tempdir().unwrap();
    let outs = ["a", "b", "c"].map(|name| folder.path().join(name));
    for (out, seed) in outs.iter().zip(["3", "3", "4"]) {
        world(out, &["--seed", seed, "--teacher-ignores", "0.2", "--judge-accepts-wrong", "0.1"]);
    }
    let read = |at: usize, file: &str| fs::read(outs[at].join(file)).unwrap();
    for file in FILES {
        assert_eq!(read(0, file), read(1, file), "{file}");
        assert_ne!(read(0, file), read(2, file), "{file}");
    }
}

#[test]
fn json_is_the_summary_in_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let output = world(folder.path(), &["--json", "--counts", "up-to-3"]);
    let printed = stdout(&output);
    assert_eq!(printed, fs::read_to_string(folder.path().join("world.json")).unwrap());
    let summary: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!((&summary["rows"], &summary["overlap"]), (&Value::from(40), &Value::from(0)));
    let counts: BTreeSet<&String> = summary["by_constraint_count"].as_object().unwrap().keys().collect();
    assert_eq!(counts, ["1".to_owned(), "2".to_owned(), "3".to_owned()].iter().collect());
}

#[test]
fn wrong_arguments_are_reported_and_leave_no_file() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let cases: [(&[&str], &str); 4] = [
        (&["--judge-rejects-right", "1"], "training: only 0 of 2 rows"),
        (&["--teacher-ignores", "1.5"], "not between 0 and 1"),
        (&["--counts", "up-to-1"], "from 2 to 15"),
        (&["--counts", "some"], "not one of up-to-N"),
    ];
    for (arguments, expected) in cases {
        let mut command = program("world");
        command.args(["--rows", "2", "--eval-rows", "2", "--out"]).arg(&out).args(arguments);
        let errors = failure(&command.output().unwrap());
        assert!(errors.contains(expected), "{errors}");
        assert!(!out.exists());
    }
}

#[test]
fn a_data_set_without_rows_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    failure(&program("world").args(["--rows", "0", "--out"]).arg(&out).output().unwrap());
    assert!(!out.exists());
}
