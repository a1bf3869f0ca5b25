//! `trace-eval ifeval` as a user runs it.

use std::fs;

use crate::common::{self, failure, run, shared, stdout, text};
use serde_json::{Value, json};

#[test]
fn gpt_4s_released_responses_get_the_published_counts() {
    let test = "gpt_4s_released_responses_get_the_published_counts";
    let files = ["ifeval_input_data.jsonl", "ifeval_responses_gpt4_20231107_145030.jsonl"];
    let (Some(prompts), Some(responses)) = (shared(test, files[0]), shared(test, files[1])) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("gpt4");
    let arguments = [
        "ifeval",
        "--prompts",
        text(&prompts),
        "--responses",
        text(&responses),
        "--out",
        text(&out),
        "--json",
    ];
    let output = run(&arguments);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let printed = stdout(&output);
    assert_eq!(printed.lines().count(), 1);
    let value: Value = serde_json::from_str(&printed).unwrap();
    let counts = ["prompt_strict", "prompt_loose", "instruction_strict", "instruction_loose"]
        .map(|name| (&value["results"][name]["followed"], &value["results"][name]["total"]));
    assert_eq!(counts.map(|(followed, _)| followed.as_u64().unwrap()), [417, 431, 698, 714]);
    assert_eq!(counts.map(|(_, total)| total.as_u64().unwrap()), [541, 541, 834, 834]);
    assert_eq!(value["earlier_wordings"], json!([2785]));
    assert_eq!(value["results"]["kinds"].as_array().unwrap().len(), 25);
    let page = fs::read_to_string(out.join("report.html")).unwrap();
    assert!(page.contains("detectable_format:json_format") && page.contains("followed loosely"));
    assert!(fs::read_to_string(out.join("tables.md")).unwrap().contains("417/541"));
    assert_eq!(fs::read_to_string(out.join("verdicts.jsonl")).unwrap().lines().count(), 541);
}

fn prompts() -> [Value; 3] {
    let prompt = |key: u64, text: &str| json!({"key": key, "prompt": text, "instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}]});
    [prompt(1, "one"), prompt(2, "two"), prompt(3, "three")]
}

#[test]
fn missing_and_null_responses_are_counted_separately() {
    let folder = tempfile::tempdir().unwrap();
    let prompts = common::rows(folder.path(), "prompts.jsonl", &prompts());
    let responses =
        [json!({"prompt": "one", "response": "fine"}), json!({"prompt": "two", "response": null})];
    let responses = common::rows(folder.path(), "responses.jsonl", &responses);
    let arguments = ["ifeval", "--prompts", text(&prompts), "--responses", text(&responses)];
    let output = run(&arguments);
    let printed = stdout(&output);
    assert_eq!(output.status.code(), Some(0));
    assert!(printed.contains("1 prompts without a response, 1 with null"), "{printed}");
    assert!(printed.contains("33.33") && printed.contains("1/3"), "{printed}");
}

#[test]
fn reasoning_is_not_checked_unless_it_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let prompts = common::rows(folder.path(), "prompts.jsonl", &prompts());
    let responses = [
        json!({"prompt": "one", "response": "<think>Well, no commas.</think>\n\nfine"}),
        json!({"prompt": "two", "response": "<think>Well no end"}),
        json!({"prompt": "three", "response": "fine"}),
    ];
    let responses = common::rows(folder.path(), "responses.jsonl", &responses);
    let arguments = ["ifeval", "--prompts", text(&prompts), "--responses", text(&responses), "--json"];
    let followed = |more: &[&str]| {
        let output = run(&[&arguments, more].concat());
        let value: Value = serde_json::from_str(&stdout(&output)).unwrap();
        (value["results"]["prompt_strict"]["followed"].as_u64().unwrap(), value["reasoning"].clone())
    };
    assert_eq!(followed(&[]), (2, json!({"mode": "strip", "stripped": 2, "incomplete": 1})));
    // As the official program does, which checks all text.
    assert_eq!(
        followed(&["--reasoning", "keep"]),
        (2, json!({"mode": "keep", "stripped": 0, "incomplete": 0}))
    );
}

#[test]
fn samples_of_the_harness_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let [one, two, _] = prompts();
    let samples =
        [json!({"doc": one, "filtered_resps": ["fine"]}), json!({"doc": two, "resps": [["not, fine"]]})];
    let samples = common::rows(folder.path(), "samples.jsonl", &samples);
    let output = run(&["ifeval", "--samples", text(&samples), "--json"]);
    let value: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(value["results"]["prompt_strict"], json!({"followed": 1, "total": 2}));
}

#[test]
fn what_is_wrong_is_one_message_and_exit_code_2() {
    let folder = tempfile::tempdir().unwrap();
    let prompts = common::rows(folder.path(), "prompts.jsonl", &prompts());
    let error = failure(&["ifeval", "--prompts", text(&prompts), "--responses", "/nowhere/at.all"]);
    assert!(error.starts_with("error: ") && error.contains("/nowhere/at.all"), "{error}");
    assert!(failure(&["ifeval", "--prompts", text(&prompts)]).contains("--responses"));
    // A device that never ends.
    #[cfg(unix)]
    assert!(
        failure(&["ifeval", "--prompts", text(&prompts), "--responses", "/dev/zero"])
            .contains("not a regular file")
    );
}
