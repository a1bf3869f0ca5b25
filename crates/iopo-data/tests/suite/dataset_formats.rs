//! Every format that is read, and what its rows become.

use iopo_data::{ExampleText, Message, Task, TextExample, UnknownLabels, load_dataset};
use serde_json::{Value, json};

use crate::common;

/// Reads rows written as one JSON array, and again as JSONL: both must give the same.
fn read(rows: &[Value]) -> Vec<ExampleText> {
    let dir = tempfile::tempdir().unwrap();
    let lines: Vec<String> = rows.iter().map(Value::to_string).collect();
    std::fs::write(dir.path().join("lines.jsonl"), lines.join("\n")).unwrap();
    std::fs::write(dir.path().join("array.json"), serde_json::to_string_pretty(rows).unwrap()).unwrap();
    let texts = |name| {
        load_dataset(name, dir.path(), UnknownLabels::Error)
            .unwrap()
            .into_iter()
            .map(|row| row.text)
            .collect::<Vec<_>>()
    };
    assert_eq!(texts("lines.jsonl"), texts("array.json"));
    texts("lines.jsonl")
}

/// Reads rows through an entry of `dataset_info.json`.
fn read_entry(mut entry: Value, rows: &Value) -> Vec<ExampleText> {
    let dir = tempfile::tempdir().unwrap();
    entry["file_name"] = json!("rows.json");
    std::fs::write(dir.path().join("dataset_info.json"), json!({"rows": entry}).to_string()).unwrap();
    std::fs::write(dir.path().join("rows.json"), rows.to_string()).unwrap();
    load_dataset("rows", dir.path(), UnknownLabels::Error).unwrap().into_iter().map(|row| row.text).collect()
}

fn user(text: &str) -> Vec<Message> {
    vec![Message::user(text)]
}

fn completion(prompt: Vec<Message>, response: &str) -> ExampleText {
    ExampleText::Completion { prompt, response: response.to_owned() }
}

fn pair(prompt: Vec<Message>, chosen: &str, rejected: &str) -> ExampleText {
    ExampleText::Pair { prompt, chosen: chosen.to_owned(), rejected: rejected.to_owned() }
}

fn group(x1: Vec<Message>, y1: &str, x2: Vec<Message>, y2: &str) -> ExampleText {
    ExampleText::Group { x1, y1: y1.to_owned(), x2, y2: y2.to_owned() }
}

#[test]
fn preference_groups_are_read_with_their_id() {
    let instruction =
        |constraint: &str| json!({"description": "Describe the sea.", "constraints": [{"text": constraint}]});
    let row = json!({
        "id": "g1", "operation": "REVISE",
        "x1": instruction("1. In one line."), "y1": "Blue.", "x2": instruction("1. In two lines."), "y2": "Blue.\nDeep."
    });
    let x = |constraint: &str| user(&format!("Describe the sea.\n{constraint}\n"));
    assert_eq!(
        read(std::slice::from_ref(&row)),
        [group(x("1. In one line."), "Blue.", x("1. In two lines."), "Blue.\nDeep.")]
    );

    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("groups.jsonl"), row.to_string()).unwrap();
    let rows = load_dataset("groups.jsonl", dir.path(), UnknownLabels::Error).unwrap();
    assert_eq!(rows[0].id(), "g1");
    assert_eq!(rows[0].origin.row, 1);
}

#[test]
fn preference_pairs_are_read() {
    let row = json!({"id": "p", "instruction": {"description": "Name a colour."}, "chosen": "Red.", "rejected": "Dog."});
    let rows = read(&[row]);
    let ExampleText::Pair { prompt, chosen, rejected } = &rows[0] else { panic!("not a pair") };
    assert!(prompt[0].content.starts_with("Name a colour."));
    assert_eq!((chosen.as_str(), rejected.as_str()), ("Red.", "Dog."));
}

#[test]
fn the_recorded_datasets_are_groups_and_pairs() {
    let dir = common::fixtures().join("golden/data");
    let groups = load_dataset("iopo_tiny", &dir, UnknownLabels::Error).unwrap();
    let pairs = load_dataset("dpo_tiny", &dir, UnknownLabels::Error).unwrap();
    assert_eq!((groups.len(), pairs.len()), (24, 24));
    assert!(groups.iter().all(|row| row.text.task() == Task::Group));
    assert!(pairs.iter().all(|row| row.text.task() == Task::Pair));
    // The pairs were made from the first halves of the groups.
    let first = |row: &TextExample| row.clone().into_task(Task::Pair).unwrap().remove(0).text;
    assert!(groups.iter().zip(&pairs).all(|(group, pair)| first(group) == pair.text));
}

#[test]
fn a_file_is_read_the_same_by_name_and_by_path() {
    let dir = common::fixtures().join("golden/data");
    let path = dir.join("iopo_tiny.json");
    let by_path = load_dataset(path.to_str().unwrap(), "nowhere", UnknownLabels::Error).unwrap();
    assert_eq!(by_path, load_dataset("iopo_tiny", &dir, UnknownLabels::Error).unwrap());
    assert_eq!(by_path, load_dataset("iopo_tiny.json", &dir, UnknownLabels::Error).unwrap());
}

#[test]
fn two_human_turns_in_a_ranking_row_are_a_group() {
    let turn = |text: &str| json!({"from": "human", "value": text});
    let answer = |text: &str| json!({"from": "gpt", "value": text});
    let row =
        json!({"conversations": [turn("x1"), turn("x2")], "chosen": answer("y1"), "rejected": answer("y2")});
    assert_eq!(read(&[row]), [group(user("x1"), "y1", user("x2"), "y2")]);
    let row = json!({
        "conversations": [turn("a"), answer("b"), turn("x1"), turn("c"), answer("d"), turn("x2")],
        "system": "s", "chosen": answer("y1"), "rejected": answer("y2")
    });
    let half = |a: &str, b: &str, x: &str| {
        vec![Message::system("s"), Message::user(a), Message::assistant(b), Message::user(x)]
    };
    assert_eq!(read(&[row]), [group(half("a", "b", "x1"), "y1", half("c", "d", "x2"), "y2")]);
}

#[test]
fn an_odd_number_of_turns_in_a_ranking_row_is_a_pair() {
    let row = json!({
        "messages": [
            {"role": "system", "content": "s"}, {"role": "user", "content": "a"},
            {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}
        ],
        "chosen": {"role": "assistant", "content": "good"}, "rejected": "bad"
    });
    let prompt = vec![Message::system("s"), Message::user("a"), Message::assistant("b"), Message::user("c")];
    assert_eq!(read(&[row]), [pair(prompt, "good", "bad")]);
}

#[test]
fn every_answer_of_a_conversation_is_an_example() {
    let row = json!({"messages": [
        {"role": "user", "content": "a"}, {"role": "assistant", "content": "b"},
        {"role": "user", "content": "c"}, {"role": "assistant", "content": "d"}
    ]});
    let longer = vec![Message::user("a"), Message::assistant("b"), Message::user("c")];
    assert_eq!(read(&[row]), [completion(user("a"), "b"), completion(longer, "d")]);
}

#[test]
fn trl_pairs_are_read_plain_and_conversational() {
    let message = |role: &str, text: &str| json!({"role": role, "content": text});
    let expected = [pair(user("q"), "good", "bad")];
    assert_eq!(read(&[json!({"prompt": "q", "chosen": "good", "rejected": "bad"})]), expected);
    let (q, good, bad) = (message("user", "q"), message("assistant", "good"), message("assistant", "bad"));
    assert_eq!(read(&[json!({"prompt": [q], "chosen": [good], "rejected": [bad]})]), expected);
    assert_eq!(read(&[json!({"chosen": [q, good], "rejected": [q, bad]})]), expected);
    assert_eq!(
        read(&[json!({"prompt": "q", "chosen": [q, good], "rejected": [q, bad], "messages": [q, good]})]),
        expected
    );
}

#[test]
fn prompt_and_completion_are_read_plain_and_conversational() {
    let expected = [completion(user("q"), "y")];
    assert_eq!(read(&[json!({"prompt": "q", "completion": "y"})]), expected);
    let (q, y) = (json!([{"role": "user", "content": "q"}]), json!([{"role": "assistant", "content": "y"}]));
    assert_eq!(read(&[json!({"prompt": q, "completion": y})]), expected);
}

#[test]
fn alpaca_rows_join_instruction_and_input() {
    let row = json!({"instruction": "Translate.", "input": "chat", "output": "cat", "system": "s", "history": [["a", "b"]]});
    let prompt = vec![
        Message::system("s"),
        Message::user("a"),
        Message::assistant("b"),
        Message::user("Translate.\nchat"),
    ];
    assert_eq!(read(&[row]), [completion(prompt, "cat")]);
    let row = json!({"instruction": "Translate.", "input": "", "chosen": "good", "rejected": "bad"});
    assert_eq!(read(&[row]), [pair(user("Translate."), "good", "bad")]);
}

#[test]
fn an_entry_renames_alpaca_columns_and_reads_no_others() {
    let entry = json!({"columns": {"prompt": "question", "response": "answer"}});
    let rows = json!([{"question": "q", "answer": "y", "input": "not named", "system": "not named"}]);
    assert_eq!(read_entry(entry, &rows), [completion(user("q"), "y")]);
    let entry = json!({"ranking": true, "formatting": "alpaca", "columns": {"prompt": "q", "query": "i", "chosen": "c", "rejected": "r"}});
    assert_eq!(
        read_entry(entry, &json!([{"q": "a", "i": "b", "c": "good", "r": "bad"}])),
        [pair(user("a\nb"), "good", "bad")]
    );
}

#[test]
fn an_entry_renames_the_tags_of_messages() {
    let entry = json!({
        "formatting": "sharegpt",
        "columns": {"messages": "talk", "system": "sys"},
        "tags": {"role_tag": "who", "content_tag": "what", "user_tag": "me", "assistant_tag": "it", "system_tag": "god"}
    });
    let rows = json!([{"talk": [{"who": "me", "what": "q"}, {"who": "it", "what": "y"}], "sys": "s"}]);
    let prompt = vec![Message::system("s"), Message::user("q")];
    assert_eq!(read_entry(entry, &rows), [completion(prompt, "y")]);
}

#[test]
fn an_entry_that_says_nothing_leaves_the_format_to_the_rows() {
    let rows = json!([{"prompt": "q", "chosen": "good", "rejected": "bad"}]);
    assert_eq!(read_entry(json!({}), &rows), [pair(user("q"), "good", "bad")]);
}

#[test]
fn a_byte_order_mark_and_blank_space_before_the_rows_are_accepted() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a.json"), "\u{feff}\n  [{\"prompt\": \"q\", \"completion\": \"y\"}]\n")
        .unwrap();
    assert_eq!(load_dataset("a.json", dir.path(), UnknownLabels::Error).unwrap().len(), 1);
}

#[test]
fn the_content_of_a_file_tells_array_from_lines_not_its_name() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("lines.json"), "{\"prompt\": \"q\", \"completion\": \"y\"}\n").unwrap();
    assert_eq!(load_dataset("lines.json", dir.path(), UnknownLabels::Error).unwrap().len(), 1);
}
