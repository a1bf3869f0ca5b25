//! Streams give what reading a dataset whole gives, in order, and hold a bounded part of it.

use std::num::NonZero;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use iopo_data::{
    DatasetError, EncodeError, EncodeReport, EncodedExample, Encoder, LengthPolicy, PrepareError, Task,
    Template, UnknownLabels, load_dataset, stream_dataset,
};
use serde_json::{Value, json};

use crate::common;

const THREADS: [usize; 3] = [1, 2, 5];

fn threads(count: usize) -> NonZero<usize> {
    NonZero::new(count).unwrap()
}

fn encoder(model: &str, template: Template, cutoff_len: usize, policy: LengthPolicy) -> Encoder {
    Encoder::new(common::encoder(model, template), cutoff_len, policy)
}

type Encoded = (Vec<EncodedExample>, EncodeReport);

fn streamed(encoder: &Encoder, name: &str, dir: &Path, task: Task, count: usize) -> Result<Encoded, String> {
    let rows = stream_dataset(name, dir, UnknownLabels::Error).map_err(|error| error.to_string())?;
    let rows = encoder.encode_rows(rows, task, threads(count)).unwrap();
    encoder.collect(rows).map_err(|error: PrepareError| error.to_string())
}

/// The whole file first, then every row converted, then every example encoded by itself.
fn step_by_step(encoder: &Encoder, name: &str, dir: &Path, task: Task) -> Encoded {
    let rows = load_dataset(name, dir, UnknownLabels::Error).unwrap();
    let converted: Vec<_> = rows.into_iter().flat_map(|row| row.into_task(task).unwrap()).collect();
    let (examples, report) = encoder.encode_all(&converted).unwrap();
    let one_by_one = converted.iter().filter_map(|example| encoder.encode(example).unwrap());
    assert_eq!(examples, one_by_one.collect::<Vec<_>>());
    (examples, report)
}

#[test]
fn streamed_datasets_are_those_encoded_step_by_step_whatever_the_number_of_threads() {
    let dir = common::fixtures().join("golden/data");
    let encoders = [
        encoder("qwen2-tiny", Template::Qwen, 10_000, LengthPolicy::Error),
        encoder("qwen2-tiny", Template::Chat, 300, LengthPolicy::Drop),
        encoder("llama3-tiny", Template::Llama3, 300, LengthPolicy::TruncateResponse),
        encoder("qwen2-tiny", Template::Qwen, 200, LengthPolicy::Reference),
    ];
    let mut truncated = 0;
    let mut dropped = 0;
    for encoder in &encoders {
        for (name, tasks) in [
            ("iopo_tiny", &[Task::Group, Task::Pair, Task::Sft] as &[_]),
            ("dpo_tiny", &[Task::Pair, Task::Sft]),
        ] {
            for &task in tasks {
                let expected = step_by_step(encoder, name, &dir, task);
                truncated += expected.1.truncated;
                dropped += expected.1.num_dropped();
                for count in THREADS {
                    assert_eq!(streamed(encoder, name, &dir, task, count).as_ref(), Ok(&expected));
                }
            }
        }
    }
    assert!(truncated > 0 && dropped > 0, "{truncated} truncated, {dropped} dropped");
}

fn trl(number: usize) -> Value {
    json!({"prompt": format!("question {number}"), "chosen": format!("good {number}"), "rejected": "bad"})
}

fn trace_group(number: usize) -> Value {
    let x = |text: &str| json!({"description": format!("{text} {number}")});
    json!({"id": format!("g{number}"), "operation": "ADD", "x1": x("a"), "y1": "y1", "x2": x("b"), "y2": "y2"})
}

/// Files of which the row 301 is broken, and what their error says.
fn broken_files() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let rows: Vec<String> = (1..=300).map(|number| trl(number).to_string()).collect();
    let groups: Vec<String> = (1..=300).map(|number| trace_group(number).to_string()).collect();
    let (lines, array) = (rows.join("\n") + "\n", format!("[{}", rows.join(",\n")));
    let groups = groups.join("\n") + "\n";
    vec![
        ("missing.jsonl", format!("{lines}{{\"prompt\": \"q\"}}\n{}", trl(302)).into(), "is missing"),
        ("missing.json", format!("{array},{{\"prompt\": \"q\"}}, 7]").into(), "is missing"),
        ("syntax.jsonl", format!("{lines}{{\"prompt\": }}\n").into(), "not valid JSON"),
        ("syntax.json", format!("{array},{{\"prompt\": }}]").into(), "not valid JSON"),
        ("comma.json", format!("{array} {}]", trl(301)).into(), "not valid JSON"),
        ("end.jsonl", format!("{lines}{{\"prompt\": \"q\", \"cho").into(), "ends in the middle"),
        ("end.json", format!("{array},{{\"prompt\": \"q\", \"cho").into(), "not valid JSON"),
        ("open.json", array.clone().into(), "not valid JSON"),
        ("tail.json", format!("{array}]\n tail").into(), "not valid JSON"),
        ("mark.json", format!("\u{feff} {array}, 7]").into(), "not an object"),
        ("mark.jsonl", format!("\u{feff}{lines}7\n").into(), "not an object"),
        ("bytes.json", [array.as_bytes(), b",{\"prompt\": \"\xff\"}]"].concat(), "not valid JSON"),
        (
            "empty.jsonl",
            format!("{groups}{}\n", trace_group(1).to_string().replace("y2\"}", "\"}")).into(),
            "empty response",
        ),
    ]
}

#[test]
fn the_rows_before_a_broken_one_are_read_and_an_error_of_the_file_ends_the_stream() {
    let dir = tempfile::tempdir().unwrap();
    for (name, content, expected) in broken_files() {
        std::fs::write(dir.path().join(name), content).unwrap();
        let mut rows = stream_dataset(name, dir.path(), UnknownLabels::Error).unwrap();
        for number in 1..=300 {
            assert_eq!(rows.next().unwrap().unwrap().origin.row, number, "{name}");
        }
        let error = rows.next().unwrap().unwrap_err();
        let (is_of_a_row, error) = (error.is_of_a_row(), error.to_string());
        assert!(error.starts_with("row 301 of ") && error.contains(expected), "{name}: {error}");
        let goes_on = name == "missing.json" || name == "missing.jsonl";
        assert_eq!(rows.next().is_some(), goes_on, "{name}");
        // Of an array that is broken no further row can be found.
        let is_broken_array = name.ends_with(".json") && expected == "not valid JSON";
        assert_eq!(is_of_a_row, !is_broken_array, "{name}");

        let loaded = load_dataset(name, dir.path(), UnknownLabels::Error).unwrap_err();
        assert_eq!(loaded.to_string(), error);
        let encoder = encoder("qwen2-tiny", Template::Qwen, 1000, LengthPolicy::Drop);
        for count in THREADS {
            assert_eq!(streamed(&encoder, name, dir.path(), Task::Sft, count), Err(error.clone()));
        }
    }
}

#[test]
fn a_row_that_cannot_be_encoded_does_not_hide_the_rows_around_it() {
    let dir = tempfile::tempdir().unwrap();
    let long = json!({"prompt": "q", "chosen": "word ".repeat(500), "rejected": "bad"});
    let rows: Vec<_> = (1..=300).map(|n| if n == 200 { long.clone() } else { trl(n) }).collect();
    std::fs::write(dir.path().join("a.json"), Value::from(rows).to_string()).unwrap();
    let encoder = encoder("qwen2-tiny", Template::Qwen, 200, LengthPolicy::Error);
    for count in THREADS {
        let rows = stream_dataset("a.json", dir.path(), UnknownLabels::Error).unwrap();
        for (index, row) in encoder.encode_rows(rows, Task::Pair, threads(count)).unwrap().enumerate() {
            match row {
                Ok(row) => assert_eq!((row.examples.len(), row.report.kept), (1, 1)),
                Err(PrepareError::Encode(EncodeError::TooLong { origin, .. })) => {
                    assert_eq!((index, origin.row), (199, 200));
                }
                Err(other) => panic!("{other}"),
            }
        }
        let error = streamed(&encoder, "a.json", dir.path(), Task::Pair, count).unwrap_err();
        assert!(error.starts_with("row 200 of "), "{error}");
        let error = streamed(&encoder, "a.json", dir.path(), Task::Group, count).unwrap_err();
        assert!(error.starts_with("row 1 of ") && error.contains("is a preference pair"), "{error}");
    }
}

#[test]
fn thousands_of_rows_are_never_far_ahead_of_what_was_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let rows: Vec<String> = (1..=4000).map(|number| trl(number).to_string()).collect();
    std::fs::write(dir.path().join("a.jsonl"), rows.join("\n")).unwrap();
    std::fs::write(dir.path().join("a.json"), format!("[{}]", rows.join(","))).unwrap();
    let encoder = encoder("qwen2-tiny", Template::Qwen, 1000, LengthPolicy::Drop);
    for (name, count) in [("a.jsonl", 1), ("a.jsonl", 2), ("a.json", 5)] {
        let read = AtomicUsize::new(0);
        let rows = stream_dataset(name, dir.path(), UnknownLabels::Error).unwrap().inspect(|_| {
            read.fetch_add(1, Ordering::Relaxed);
        });
        let mut done = 0;
        for row in encoder.encode_rows(rows, Task::Pair, threads(count)).unwrap() {
            let ahead = read.load(Ordering::Relaxed) - done;
            assert!(ahead <= 128 * count, "{ahead} rows ahead with {count} threads");
            done += row.unwrap().examples.len();
        }
        assert_eq!(done, 4000);
    }
}

#[test]
fn a_stream_that_is_left_early_reads_no_further() {
    let dir = tempfile::tempdir().unwrap();
    let rows: Vec<String> = (1..=300).map(|number| trl(number).to_string()).collect();
    std::fs::write(dir.path().join("a.json"), format!("[{}, broken", rows.join(","))).unwrap();
    let rows = stream_dataset("a.json", dir.path(), UnknownLabels::Error).unwrap();
    assert_eq!(rows.take(300).filter(Result::is_ok).count(), 300);
}

#[test]
fn a_file_without_rows_is_the_stream_of_one_error() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a.json"), " [ ] ").unwrap();
    let mut rows = stream_dataset("a.json", dir.path(), UnknownLabels::Error).unwrap();
    assert!(rows.next().unwrap().unwrap_err().to_string().ends_with(" has no rows"));
    assert!(rows.next().is_none());
}

#[test]
fn an_element_that_does_not_end_is_an_error_and_is_not_held() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.json");
    std::fs::write(&path, format!("[{}, {{\"prompt\": \"", trl(1))).unwrap();
    // A hole of a gigabyte, which takes no room on the disk.
    std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(1 << 30).unwrap();
    let mut rows = stream_dataset("a.json", dir.path(), UnknownLabels::Error).unwrap();
    assert!(rows.next().unwrap().is_ok());
    let error = rows.next().unwrap().unwrap_err();
    assert!(matches!(&error, DatasetError::Syntax { origin, .. } if origin.row == 2), "{error}");
    assert!(error.to_string().contains("longer than"), "{error}");
}
