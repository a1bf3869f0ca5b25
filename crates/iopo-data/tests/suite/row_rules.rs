//! Nothing of a row is dropped in silence, and the rules are the same for every format.

use iopo_data::{
    Encoder, ExampleText, LengthPolicy, Message, Task, Template, TextExample, UnknownLabels, load_dataset,
};
use serde_json::{Value, json};

use crate::common;

fn load(rows: &Value) -> Result<Vec<TextExample>, String> {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("rows.json"), rows.to_string()).unwrap();
    load_dataset("rows.json", dir.path(), UnknownLabels::Error).map_err(|error| error.to_string())
}

fn texts(row: &Value) -> Vec<ExampleText> {
    load(&json!([row])).unwrap().into_iter().map(|example| example.text).collect()
}

/// Why the second of two rows is refused.
fn refusal(good: &Value, bad: &Value) -> String {
    let error = load(&json!([good, bad])).unwrap_err();
    let (place, reason) = error.split_once(": ").unwrap();
    assert!(place.starts_with("row 2 of "), "{error}");
    reason.to_owned()
}

fn entry(entry: &Value, rows: &Value) -> Result<Vec<TextExample>, String> {
    let dir = tempfile::tempdir().unwrap();
    let mut entry = entry.clone();
    entry["file_name"] = json!("rows.json");
    std::fs::write(dir.path().join("dataset_info.json"), json!({"mine": entry}).to_string()).unwrap();
    std::fs::write(dir.path().join("rows.json"), rows.to_string()).unwrap();
    load_dataset("mine", dir.path(), UnknownLabels::Error).map_err(|error| error.to_string())
}

fn message(role: &str, content: &str) -> Value {
    json!({"role": role, "content": content})
}

fn turn(from: &str, value: &str) -> Value {
    json!({"from": from, "value": value})
}

fn talk(turns: &[(&str, &str)]) -> Value {
    turns.iter().map(|(from, value)| turn(from, value)).collect()
}

/// A good row of each format that is read key by key.
fn formats() -> Vec<Value> {
    let (q, a, b) = (message("user", "q"), message("assistant", "a"), message("assistant", "b"));
    vec![
        json!({"prompt": "q", "chosen": "a", "rejected": "b"}),
        json!({"prompt": [q], "chosen": [a], "rejected": [b]}),
        json!({"chosen": [q, a], "rejected": [q, b]}),
        json!({"prompt": "q", "completion": "a"}),
        json!({"messages": [q, a]}),
        json!({"conversations": [turn("human", "q"), turn("gpt", "a")]}),
        json!({"conversations": [turn("human", "q")], "chosen": turn("gpt", "a"), "rejected": turn("gpt", "b")}),
        json!({"instruction": "q", "input": "", "output": "a"}),
        json!({"instruction": "q", "chosen": "a", "rejected": "b"}),
    ]
}

fn with(row: &Value, key: &str, value: Value) -> Value {
    let mut row = row.clone();
    row[key] = value;
    row
}

fn prompt_of(text: &ExampleText) -> &[Message] {
    match text {
        ExampleText::Completion { prompt, .. } | ExampleText::Pair { prompt, .. } => prompt,
        ExampleText::Group { x1, .. } => x1,
    }
}

#[test]
fn a_system_column_is_the_first_message_in_every_format() {
    for row in formats() {
        for text in texts(&with(&row, "system", json!("s"))) {
            assert_eq!(prompt_of(&text), [Message::system("s"), Message::user("q")], "{row}");
        }
        for nothing in [json!(null), json!("")] {
            assert_eq!(texts(&with(&row, "system", nothing)), texts(&row));
        }
        let error = refusal(&row, &with(&row, "system", json!([message("system", "s")])));
        assert_eq!(error, "\"system\" is a list, not a string", "{row}");
    }
}

#[test]
fn two_system_texts_are_refused_unless_they_are_one() {
    let list = json!([message("system", "s"), message("user", "q"), message("assistant", "a")]);
    let row = json!({"messages": list});
    assert_eq!(texts(&with(&row, "system", json!("s"))), texts(&row));
    let error = refusal(&row, &with(&row, "system", json!("t")));
    assert_eq!(error, "\"system\" and \"messages[0]\" are two system texts; leave one out");
}

#[test]
fn keys_that_are_not_used_are_counted_once_for_each_row() {
    for row in formats() {
        let row = with(&with(&row, "score", json!(0.5)), "empty", json!(null));
        let examples = load(&json!([row, with(&row, "source", json!("x"))])).unwrap();
        let unused: Vec<&str> =
            examples.iter().flat_map(|example| &example.unused).map(String::as_str).collect();
        assert_eq!(unused, ["score", "score", "source"], "{row}");
    }
    // Two answers are two examples of one row.
    let mut answer = turn("gpt", "a");
    answer["markdown"] = json!("*a*");
    let row = json!({"conversations": [turn("human", "q"), answer, turn("human", "r"), answer]});
    let unused: Vec<_> = load(&json!([row])).unwrap().into_iter().map(|example| example.unused).collect();
    assert_eq!(unused, [vec!["conversations[].markdown".to_owned()], vec![]]);
}

#[test]
fn the_report_says_how_many_rows_have_a_key_that_is_not_used() {
    let row = |score: Option<f64>| json!({"prompt": "q", "chosen": "a", "rejected": "b", "score": score});
    let rows = load(&json!([row(None), row(Some(1.0)), row(Some(2.0))])).unwrap();
    let encoder = Encoder::new(common::encoder("qwen2-tiny", Template::Qwen), 100, LengthPolicy::Drop);
    let rows: Vec<_> = rows.into_iter().flat_map(|row| row.into_task(Task::Sft).unwrap()).collect();
    let lines = encoder.encode_all(&rows).unwrap().1.unused.lines();
    assert_eq!(lines.len(), 1);
    assert!(lines[0].starts_with("`score` is not used in 2 rows, first row 2 of "), "{lines:?}");
}

#[test]
fn a_key_without_which_a_row_means_something_else_is_refused_in_every_format() {
    for row in formats() {
        for key in ["tools", "images", "weight", "train", "label", "kto_tag", "loss_weight", "function_call"]
        {
            let error = refusal(&row, &with(&row, key, json!(0)));
            assert!(error.starts_with(&format!("\"{key}\" is not used here")), "{row}: {error}");
        }
        let weighted = with(&with(&row, "weight", json!(1.0)), "train", json!(true));
        assert_eq!(texts(&weighted), texts(&row));
        if row.get("instruction").is_none() {
            let error = refusal(&row, &with(&row, "history", json!([["a", "b"]])));
            assert!(error.starts_with("\"history\" is not used here"), "{row}: {error}");
        }
    }
    let (q, a) = (message("user", "q"), message("assistant", "a"));
    for key in ["tool_calls", "function_call", "tool_call_id", "audio"] {
        let row = json!({"messages": [q, with(&a, key, json!("x"))]});
        let error = refusal(&json!({"messages": [q, a]}), &row);
        assert!(error.starts_with(&format!("\"messages[1].{key}\" is not used here")), "{error}");
    }
}

#[test]
fn a_response_from_anyone_but_the_assistant_is_refused_by_its_place() {
    let (q, a, u) = (message("user", "q"), message("assistant", "a"), message("user", "b"));
    let rule = "a response is from the assistant";
    let good = json!({"prompt": [q], "chosen": [a], "rejected": "b"});
    let error = refusal(&good, &with(&good, "rejected", json!([u])));
    assert_eq!(error, format!("\"rejected[0].role\" is user: {rule}"));
    let error = refusal(&good, &json!({"chosen": [q, a], "rejected": [q, u]}));
    assert_eq!(error, format!("\"rejected[1].role\" is user: {rule}"));
    let good = json!({"prompt": "q", "completion": "a"});
    assert_eq!(refusal(&good, &with(&good, "completion", u)), format!("\"completion.role\" is user: {rule}"));
    let good = json!({"conversations": [turn("human", "q")], "chosen": turn("gpt", "a"), "rejected": "b"});
    let error = refusal(&good, &with(&good, "chosen", turn("human", "a")));
    assert_eq!(error, format!("\"chosen.from\" is user: {rule}"));
    let good = json!({"instruction": "q", "chosen": "a", "rejected": "b"});
    assert_eq!(
        refusal(&good, &with(&good, "rejected", turn("system", "b"))),
        format!("\"rejected.from\" is system: {rule}")
    );
}

#[test]
fn turns_out_of_order_are_refused_by_their_place() {
    let (h, g, s) = (("human", "q"), ("gpt", "a"), ("system", "s"));
    let good = json!({"conversations": talk(&[h, g])});
    let rule = "after an optional system text, user and assistant take turns, the user first";
    for (turns, expected) in [
        (vec![g, h, g], format!("\"conversations[0].from\" is assistant: {rule}")),
        (vec![s, g], format!("\"conversations[1].from\" is assistant: {rule}")),
        (vec![h, h, g], format!("\"conversations[1].from\" is user: {rule}")),
        (vec![h, g, g], format!("\"conversations[2].from\" is assistant: {rule}")),
        (vec![h, g, s, h, g], format!("\"conversations[2].from\" is system: {rule}")),
        (vec![s, s, h, g], format!("\"conversations[1].from\" is system: {rule}")),
        (
            vec![h, g, h],
            "\"conversations[2]\" is a question without an answer; leave it out, or answer it".to_owned(),
        ),
        (
            vec![s, h],
            "\"conversations[1]\" is a question without an answer; leave it out, or answer it".to_owned(),
        ),
        (vec![s], "\"conversations\" has no message from the assistant to train on".to_owned()),
        (vec![("human", " \n"), g], "\"conversations[0].value\" is an empty prompt".to_owned()),
        (vec![h, ("gpt", "")], "\"conversations[1].value\" is an empty response".to_owned()),
    ] {
        assert_eq!(refusal(&good, &json!({"conversations": talk(&turns)})), expected);
    }
    // The same in the prompts of the other formats.
    let list = |turns: &[&str]| turns.iter().map(|role| message(role, "q")).collect::<Value>();
    let pair = |prompt: Value| json!({"prompt": prompt, "chosen": "a", "rejected": "b"});
    let good = pair(list(&["user"]));
    for (roles, place) in [
        (&["user", "user"] as &[_], "prompt[1].role"),
        (&["assistant", "user"], "prompt[0].role"),
        (&["user", "assistant"], "prompt[1].role"),
        (&["system", "system", "user"], "prompt[1].role"),
    ] {
        assert!(refusal(&good, &pair(list(roles))).starts_with(&format!("\"{place}\" is ")));
    }
    let alpaca = json!({"instruction": "q", "output": "a"});
    for history in [json!([["", "b"]]), json!([["a", " "]])] {
        assert!(
            refusal(&alpaca, &with(&alpaca, "history", history)).starts_with("\"history[0]\" is an empty ")
        );
    }
}

#[test]
fn marks_of_messages_say_which_answers_are_trained_on() {
    let marked = |key: &str, value: Value| with(&message("assistant", "a"), key, value);
    let (q, last) = (message("user", "q"), message("assistant", "z"));
    let row = |first: Value| json!({"messages": [q, first, q, last]});
    let both = texts(&row(message("assistant", "a")));
    for (key, yes, no) in [
        ("weight", json!(1), json!(0)),
        ("weight", json!(1.0), json!(0.0)),
        ("train", json!(true), json!(false)),
        ("loss", json!(null), json!(false)),
    ] {
        assert_eq!(texts(&row(marked(key, yes))), both);
        assert_eq!(texts(&row(marked(key, no.clone()))), both[1..]);
        let untrained = json!({"messages": [q, marked(key, no.clone())]});
        let error = refusal(&json!({"messages": [q, last]}), &untrained);
        assert_eq!(error, "\"messages\" has no message from the assistant to train on");
        let pair = json!({"prompt": "q", "chosen": "b", "rejected": "c"});
        let error = refusal(&pair, &with(&pair, "chosen", marked(key, no)));
        assert_eq!(error, "\"chosen\" is marked as not to be trained on; leave the row out");
    }
    let good = row(message("assistant", "a"));
    let error = refusal(&good, &row(marked("weight", json!(0.5))));
    assert!(error.starts_with("\"messages[1].weight\" is neither 1 or true nor 0 or false"), "{error}");
    let trained_question = json!({"messages": [with(&q, "train", json!(true)), last]});
    assert!(refusal(&good, &trained_question).starts_with("\"messages[0].train\" is true"));
}

#[test]
fn pairs_and_groups_that_prefer_nothing_are_refused_in_every_format() {
    for row in formats().into_iter().filter(|row| row.get("chosen").is_some()) {
        let error = refusal(&row, &with(&row, "rejected", row["chosen"].clone()));
        assert_eq!(error, "\"chosen\" and \"rejected\" are the same response", "{row}");
    }
    let group = |x2: &str| {
        let turns = [turn("human", "x1"), turn("human", x2)];
        json!({"conversations": turns, "chosen": turn("gpt", "a"), "rejected": turn("gpt", "b")})
    };
    assert_eq!(refusal(&group("x2"), &group("x1")), "\"conversations\" is the same prompt twice");
}

#[test]
fn a_prompt_that_is_repeated_is_used_and_another_one_is_counted() {
    let conversation = |answer: &str| json!([message("user", "q"), message("assistant", answer)]);
    let row =
        |prompt: Value| json!({"prompt": prompt, "chosen": conversation("a"), "rejected": conversation("b")});
    for (prompt, unused) in [
        (json!("q"), vec![]),
        (json!([message("user", "q")]), vec![]),
        (json!("Human: q"), vec!["prompt".to_owned()]),
    ] {
        assert_eq!(load(&json!([row(prompt)])).unwrap()[0].unused, unused);
    }
}

#[test]
fn an_instruction_that_is_only_input_begins_without_a_blank_line() {
    let row = json!({"instruction": "", "input": "q", "output": "a"});
    assert_eq!(prompt_of(&texts(&row)[0]), [Message::user("q")]);
}

#[test]
fn columns_and_tags_that_a_format_does_not_use_are_refused() {
    let rows = json!([{"instruction": "q", "output": "a"}]);
    for (mine, key) in [
        (json!({"columns": {"messages": "m"}}), "columns.messages"),
        (json!({"columns": {"prompt": "instruction", "chosen": "c"}}), "columns.chosen"),
        (json!({"ranking": true, "columns": {"response": "output"}}), "columns.response"),
        (json!({"formatting": "sharegpt", "columns": {"prompt": "q"}}), "columns.prompt"),
        (json!({"formatting": "sharegpt", "columns": {"history": "q"}}), "columns.history"),
        (json!({"formatting": "alpaca", "tags": {"role_tag": "r"}}), "tags"),
    ] {
        let error = entry(&mine, &rows).unwrap_err();
        assert!(error.contains(&format!("has \"{key}\", which ")), "{error}");
    }
}

#[test]
fn columns_that_an_entry_does_not_name_are_left_out_and_counted() {
    let mine = json!({"columns": {"prompt": "instruction", "response": "output"}});
    let row = json!({"instruction": "q", "output": "a", "input": "i", "system": "s", "tools": ["t"]});
    let rows = entry(&mine, &json!([row])).unwrap();
    assert_eq!(prompt_of(&rows[0].text), [Message::user("q")]);
    assert_eq!(rows[0].unused, ["input", "system", "tools"]);
}

#[test]
fn empty_names_of_columns_and_tags_are_none() {
    let mine =
        json!({"columns": {"prompt": "", "query": "", "response": "output", "chosen": "", "tools": ""}});
    let rows = entry(&mine, &json!([{"instruction": "q", "output": "a", "input": "i"}])).unwrap();
    assert_eq!(prompt_of(&rows[0].text), [Message::user("q")]);
    assert_eq!(rows[0].unused, ["input"]);
    let mine = json!({"formatting": "sharegpt", "tags": {"user_tag": ""}});
    let error = entry(&mine, &json!([{"conversations": talk(&[("", "q"), ("gpt", "a")])}])).unwrap_err();
    assert!(error.contains("\"conversations[0].from\" is \"\": known roles are "), "{error}");
}

#[test]
fn a_key_twice_is_refused_in_rows_and_in_the_list_of_datasets() {
    let dir = tempfile::tempdir().unwrap();
    let row = r#"{"messages": [{"role": "user", "content": "q", "content": "r"}]}"#;
    for content in [row.to_owned(), format!("[{row}]")] {
        std::fs::write(dir.path().join("rows.json"), content).unwrap();
        let error = load_dataset("rows.json", dir.path(), UnknownLabels::Error).unwrap_err();
        let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        assert!(format!("{error} {cause}").contains("the key \"content\" comes twice"), "{error} {cause}");
    }
    std::fs::write(dir.path().join("dataset_info.json"), r#"{"a": {}, "a": {}}"#).unwrap();
    let error = load_dataset("a", dir.path(), UnknownLabels::Error).unwrap_err();
    assert!(error.to_string().ends_with("dataset_info.json is malformed"), "{error}");
}

#[test]
fn ids_of_data_frames_are_whole_numbers() {
    let rows = load(&json!([{"id": 3.0, "prompt": "q", "completion": "a"}])).unwrap();
    assert_eq!(rows[0].id(), "3");
}

#[test]
fn columns_without_a_value_do_not_decide_the_format() {
    let (q, a, b) = (message("user", "q"), message("assistant", "a"), message("assistant", "b"));
    let pair = json!({"prompt": "q", "chosen": "a", "rejected": "b"});
    for (row, same) in [
        (json!({"messages": [q, a], "chosen": null, "rejected": null}), json!({"messages": [q, a]})),
        (json!({"conversations": null, "messages": [q, a]}), json!({"messages": [q, a]})),
        (
            json!({"x1": null, "x2": null, "conversations": [], "instruction": "q", "output": "a"}),
            json!({"instruction": "q", "output": "a"}),
        ),
        (with(&pair, "completion", Value::Null), pair.clone()),
        (with(&pair, "completion", json!("c")), pair.clone()),
        (with(&pair, "tools", json!("[]")), pair.clone()),
        (
            json!({"messages": [q, a], "chosen": [q, a], "rejected": [q, b]}),
            json!({"chosen": [q, a], "rejected": [q, b]}),
        ),
    ] {
        assert_eq!(texts(&row), texts(&same), "{row}");
    }
}

#[test]
fn messages_of_a_prompt_that_whole_conversations_do_not_begin_with_are_refused() {
    let (q, a, b) = (message("user", "q"), message("assistant", "a"), message("assistant", "b"));
    let good = json!({"prompt": [q], "chosen": [q, a], "rejected": [q, b]});
    let bad = with(&good, "prompt", json!([message("system", "S"), q]));
    let reason = "\"chosen\" has more than one message, and does not begin with those of \"prompt\"";
    assert_eq!(refusal(&good, &bad), reason);
}
