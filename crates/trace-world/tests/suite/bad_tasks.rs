//! Tasks that have no meaning, and evaluation rows that carry none.

use serde_json::{Value, json};
use trace_schema::EvalRow;
use trace_world::Task;

fn message(rules: &[Value], input: Value) -> String {
    let clauses: Vec<Value> = rules.iter().map(|rule| json!({"rule": rule, "wording": 0})).collect();
    let task = json!({"category": "fruits", "wording": 0, "input": input, "clauses": clauses});
    serde_json::from_value::<Task>(task).unwrap_err().to_string()
}

#[test]
fn each_contradiction_has_its_message() {
    let cases = [
        (
            vec![json!({"citation": "numbers"}), json!({"citation": "letters"})],
            "two constraints have the dimension Citation",
        ),
        (
            vec![json!({"output_format": "json"}), json!({"numbering_and_list": "dots"})],
            "constraints of the dimensions Output Format and Numbering and List do not go together",
        ),
        (vec![json!({"theme": "birds"})], "Theme is about another category"),
        (vec![json!({"inclusion": ["owl"]})], "needs one or two different things of the category"),
        (vec![json!({"exclusion": ["fig", "fig"]})], "needs one or two different things of the category"),
        (vec![json!({"exclusion": []})], "needs one or two different things of the category"),
        (vec![json!({"numerical": {"bound": "exactly", "count": 0}})], "needs a number from 1 to 6"),
        (vec![json!({"numerical": {"bound": "at_least", "count": 7}})], "needs a number from 1 to 6"),
        (vec![json!({"multilingual": "english"})], "needs a language that is not English"),
        (vec![json!({"negative_example": "comma"})], "rules out the comma twice"),
        (vec![json!({"text_background": "ann"})], "needs a text as input"),
        (vec![json!({"table_background": {"side": "below", "price": 5}})], "needs a table as input"),
        (
            vec![json!({"markdown_process": {"steps": ["stop", "stop"], "place": "both"}})],
            "needs two different steps",
        ),
        (
            vec![json!({"natural_language_process": {"steps": ["done", "done"], "place": "both"}})],
            "needs two different steps",
        ),
        (
            vec![json!({"theme": "red_fruits"}), json!({"exclusion": ["apple", "plum"]})],
            "only 3 things may be named, and the task needs 4",
        ),
        (
            vec![json!({"theme": "red_fruits"}), json!({"numerical": {"bound": "at_least", "count": 6}})],
            "only 5 things may be named, and the task needs 7",
        ),
        (
            vec![json!({"theme": "red_fruits"}), json!({"inclusion": ["fig"]})],
            "fig must be named, and other constraints rule it out",
        ),
        (
            vec![
                json!({"numerical": {"bound": "at_most", "count": 1}}),
                json!({"inclusion": ["fig", "plum"]}),
            ],
            "2 things must be named, and there are 1 items at most",
        ),
    ];
    for (rules, expected) in cases {
        let found = message(&rules, Value::Null);
        assert!(found.contains(expected), "{found}\n{expected}");
    }
}

#[test]
fn an_input_has_nothing_twice() {
    let found = message(&[], json!({"table": [["fig", 1], ["fig", 9]]}));
    assert!(found.contains("a thing stands in the input twice"), "{found}");
}

#[test]
fn unknown_words_and_wordings_are_errors() {
    assert!(
        message(&[json!({"inclusion": ["durian"]})], Value::Null)
            .contains("no thing of the world has the name \"durian\"")
    );
    assert!(message(&[json!({"colour": "red"})], Value::Null).contains("unknown variant"));
    let task = json!({"category": "fruits", "wording": 3, "clauses": []});
    let found = serde_json::from_value::<Task>(task).unwrap_err().to_string();
    assert!(found.contains("there is no wording 3"), "{found}");
}

fn row() -> EvalRow {
    let clauses = json!([{"rule": {"citation": "numbers"}, "wording": 1}]);
    let task: Task =
        serde_json::from_value(json!({"category": "tools", "wording": 2, "clauses": clauses})).unwrap();
    task.to_eval_row("r", "world").unwrap()
}

#[test]
fn a_row_that_carries_no_task_is_an_error() {
    let mut row = row();
    row.extra.clear();
    let message = "evaluation row \"r\" has no key \"world\": it is not of this world";
    assert_eq!(Task::from_eval_row(&row).unwrap_err().to_string(), message);
}

#[test]
fn a_row_whose_task_cannot_be_read_is_an_error() {
    let mut row = row();
    row.extra["world"]["category"] = json!("stones");
    let message = Task::from_eval_row(&row).unwrap_err().to_string();
    assert!(message.starts_with("evaluation row \"r\" has a task that cannot be read: "), "{message}");
}

#[test]
fn a_row_with_another_prompt_than_its_task_is_an_error() {
    let mut other_task = row();
    other_task.extra["world"]["wording"] = json!(1);
    let mut other_description = row();
    other_description.description = "Sing.".to_owned();
    let mut other_message = row();
    other_message.messages[0].content.push('!');
    for row in [other_task, other_description, other_message] {
        let message = "evaluation row \"r\" has another prompt than its task";
        assert_eq!(Task::from_eval_row(&row).unwrap_err().to_string(), message);
    }
}
