//! `trace-eval answer --model-dir` as a user runs it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use crate::common::{self, read_rows, stdout, text};
use serde_json::{Value, json};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(name)
}

fn prompts(folder: &Path, count: usize) -> PathBuf {
    let rows: Vec<Value> =
        (0..count).map(|row| json!({"id": format!("p{row}"), "prompt": format!("question {row}")})).collect();
    common::rows(folder, "prompts.jsonl", &rows)
}

fn answer(model: &Path, prompts: &Path, out: &Path, more: &[&str]) -> Output {
    let mut arguments = vec!["answer", "--benchmark", "prompts", text(prompts), "--model-dir", text(model)];
    arguments.extend(["--out", text(out)]);
    if !more.contains(&"--device") {
        arguments.extend(["--device", "cpu"]);
    }
    arguments.extend(more);
    common::run(&arguments)
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

const SAMPLED: [&str; 6] = ["--temperature", "0.9", "--seed", "4", "--max-tokens", "12"];

/// Rows, and keys and answers of the journal in the order of the keys.
fn results(out: &Path) -> (Vec<Value>, Vec<(Value, Value)>) {
    let journal = read_rows(&out.with_extension("journal.jsonl"));
    let mut journal: Vec<_> =
        journal.into_iter().map(|row| (row["key"].clone(), row["response"]["content"].clone())).collect();
    journal.sort_by_key(|(key, _)| key.as_str().unwrap().to_owned());
    (read_rows(out), journal)
}

#[test]
fn answers_depend_neither_on_the_batch_nor_on_threads_nor_on_being_stopped() {
    let folder = tempfile::tempdir().unwrap();
    let (model, prompts) = (fixture("models/qwen2-tiny"), prompts(folder.path(), 40));
    let run = |name: &str, more: &[&str]| {
        let out = folder.path().join(name);
        let output = answer(&model, &prompts, &out, &[&SAMPLED[..], more].concat());
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert!(stdout(&output).contains("40 of 40 prompts answered, 0 failed"), "{output:?}");
        results(&out)
    };
    let whole = run("whole.jsonl", &[]);
    assert_eq!((whole.0.len(), whole.1.len()), (40, 40));
    assert_eq!((&whole.0[3]["id"], &whole.0[3]["model"]), (&json!("p3"), &json!("qwen2-tiny")));
    let different: std::collections::BTreeSet<_> =
        whole.0.iter().map(|row| row["response"].to_string()).collect();
    assert!(different.len() > 20, "{different:?}");
    assert_eq!(run("small.jsonl", &["--batch-size", "3", "--threads", "1"]), whole);

    // A run that was killed after 17 answers, in the middle of writing the next.
    let journal = fs::read_to_string(folder.path().join("whole.journal.jsonl")).unwrap();
    let kept: Vec<&str> = journal.lines().take(17).collect();
    let torn = format!("{}\n{}", kept.join("\n"), &journal.lines().nth(17).unwrap()[..50]);
    fs::write(folder.path().join("killed.journal.jsonl"), torn).unwrap();
    assert_eq!(run("killed.jsonl", &["--batch-size", "5"]), whole);
    let resumed = fs::read_to_string(folder.path().join("killed.journal.jsonl")).unwrap();
    assert!(resumed.starts_with(&kept.join("\n")));

    // Once more, with nothing left to do: no answer is added.
    assert_eq!(run("whole.jsonl", &[]), whole);
}

#[test]
fn another_model_adapter_or_setting_is_another_question() {
    let folder = tempfile::tempdir().unwrap();
    let (model, prompts) = (fixture("models/qwen2-tiny"), prompts(folder.path(), 2));
    let out = folder.path().join("answers.jsonl");
    let adapter = fixture("golden/train_lora/adapter_final");
    let journaled = |model: &Path, more: &[&str]| {
        let output = answer(model, &prompts, &out, &[&["--max-tokens", "4"], more].concat());
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        read_rows(&out.with_extension("journal.jsonl")).len()
    };
    assert_eq!(journaled(&model, &[]), 2);
    assert_eq!(journaled(&model, &["--adapter", text(&adapter)]), 4);
    assert_eq!(journaled(&model, &["--template", "qwen"]), 6);
    assert_eq!(journaled(&model, &["--temperature", "0.5"]), 8);
    assert_eq!(journaled(&model, &["--temperature", "0.5", "--top-k", "3"]), 10);
    assert_eq!(journaled(&fixture("models/qwen2-tiny-tied"), &[]), 12);
    // A folder's place is not part of the question.
    let moved = folder.path().join("moved");
    fs::create_dir(&moved).unwrap();
    for entry in fs::read_dir(&model).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), moved.join(entry.file_name())).unwrap();
    }
    assert_eq!(journaled(&moved, &[]), 12);
}

#[test]
fn the_settings_of_the_folder_hold_unless_others_are_typed_and_are_written_down() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model");
    fs::create_dir(&model).unwrap();
    for entry in fs::read_dir(fixture("models/qwen2-tiny")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), model.join(entry.file_name())).unwrap();
    }
    let settings =
        json!({"do_sample": true, "temperature": 0.6, "top_p": 0.95, "top_k": 20, "max_new_tokens": 6});
    fs::write(model.join("generation_config.json"), settings.to_string()).unwrap();
    let (prompts, out) = (prompts(folder.path(), 3), folder.path().join("answers.jsonl"));
    let provenance = |more: &[&str]| -> (Value, String) {
        let output = answer(&model, &prompts, &out, more);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let text = fs::read_to_string(out.with_extension("provenance.json")).unwrap();
        (serde_json::from_str(&text).unwrap(), stderr(&output))
    };
    let (own, told) = provenance(&[]);
    assert_eq!(
        (&own["do_sample"], &own["temperature"], &own["top_k"]),
        (&json!(true), &json!(0.6), &json!(20))
    );
    assert_eq!((&own["top_p"], &own["max_tokens"], &own["device"]), (&json!(0.95), &json!(6), &json!("cpu")));
    assert_eq!(
        (&own["template"], &own["dtype"], &own["model"]),
        (&json!("chat"), &json!("float32"), &json!("model"))
    );
    assert_eq!(own["model_sha256"].as_str().unwrap().len(), 64);
    assert_eq!(own["prompts_sha256"].as_str().unwrap().len(), 64);
    let cut = read_rows(&out).iter().filter(|row| row["finish_reason"] == "length").count();
    assert!(cut > 0 && told.contains(&format!("{cut} answers were cut off")), "{told}");
    let (typed, told) =
        provenance(&["--temperature", "0", "--top-k", "7", "--max-tokens", "3", "--model", "mine"]);
    assert_eq!((&typed["do_sample"], &typed["max_tokens"]), (&json!(false), &json!(3)));
    assert!(told.contains("--top-k has no effect"), "{told}");
    assert_eq!(read_rows(&out)[0]["model"], "mine");
    assert_eq!(own["model_sha256"], typed["model_sha256"]);
}

#[test]
fn what_cannot_be_answered_is_one_message_and_exit_code_2() {
    let folder = tempfile::tempdir().unwrap();
    let (model, prompts) = (fixture("models/qwen2-tiny"), prompts(folder.path(), 1));
    let out = folder.path().join("answers.jsonl");
    for (model, more, part) in [
        (folder.path(), &[][..], "holds no config.json"),
        (&model, &["--adapter", "gone"], "gone"),
        (&model, &["--template", "vicuna"], "vicuna"),
        (&model, &["--dtype", "int4"], "int4"),
        (&model, &["--device", "tpu"], "expected auto, cpu"),
        (&model, &["--temperature=-1"], "temperature"),
        (&model, &["--endpoint", "http://localhost:1", "--model", "m"], "cannot be used with"),
        (&model, &["--concurrency", "4"], "cannot be used with"),
    ] {
        let output = answer(model, &prompts, &out, more);
        assert_eq!(output.status.code(), Some(2), "{more:?} {output:?}");
        assert!(stderr(&output).contains(part), "{more:?} {output:?}");
        assert!(!out.exists());
    }
    let nobody = common::run(&["answer", "--benchmark", "prompts", text(&prompts), "--out", text(&out)]);
    assert_eq!(nobody.status.code(), Some(2));
    let typed =
        ["answer", "--benchmark", "prompts", text(&prompts), "--out", text(&out), "--endpoint", "http://a"];
    let unnamed = common::run(&typed);
    assert!(stderr(&unnamed).contains("--model"), "{unnamed:?}");
}

#[test]
fn a_template_that_prints_the_time_is_rendered_as_of_the_first_run_of_a_journal() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("model");
    fs::create_dir(&model).unwrap();
    for entry in fs::read_dir(fixture("models/qwen2-tiny")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), model.join(entry.file_name())).unwrap();
    }
    let template = "{{ strftime_now('%H:%M:%S') }} {{ messages[0].content }}";
    fs::write(model.join("chat_template.jinja"), template).unwrap();
    let out = folder.path().join("answers.jsonl");
    let time = |count: usize, more: &[&str]| {
        let output =
            answer(&model, &prompts(folder.path(), count), &out, &[&["--max-tokens", "2"], more].concat());
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let provenance = fs::read(out.with_extension("provenance.json")).unwrap();
        let time = serde_json::from_slice::<Value>(&provenance).unwrap()["template_date"].clone();
        (time, stderr(&output))
    };
    let (first, said) = time(1, &[]);
    let expected = format!("rendered as of {}", first.as_str().unwrap());
    assert!(said.contains(&expected), "{said}");
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    assert_eq!(time(2, &[]).0, first);
    // The record of the time, and two answers: the first was not asked for again.
    assert_eq!(read_rows(&out.with_extension("journal.jsonl")).len(), 3);
    assert_eq!(time(2, &["--template-date", "2024-07-26"]).0, json!("2024-07-26T00:00:00Z"));
    assert_eq!(read_rows(&out.with_extension("journal.jsonl")).len(), 5);
}
