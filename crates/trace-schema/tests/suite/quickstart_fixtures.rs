//! The hand-written preference groups under `fixtures/quickstart`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use trace_schema::{
    ConstraintDimension, ConstraintOperation, ConstraintType, Instruction, JsonlReader, PreferenceGroup,
};

fn groups(name: &str) -> Vec<PreferenceGroup> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/quickstart").join(name);
    JsonlReader::open(path).unwrap().collect::<Result<_, _>>().unwrap()
}

fn both_files() -> Vec<PreferenceGroup> {
    let mut all = groups("groups.jsonl");
    all.extend(groups("eval_groups.jsonl"));
    all
}

fn dimensions(groups: &[PreferenceGroup]) -> BTreeSet<ConstraintDimension> {
    let instructions = groups.iter().flat_map(|group| [&group.x1, &group.x2]);
    let constraints = instructions.flat_map(|instruction| &instruction.constraints);
    constraints.map(|constraint| constraint.dimension.as_ref().unwrap().dimension().unwrap()).collect()
}

fn is_chinese(text: &str) -> bool {
    text.chars().any(|character| ('\u{4E00}'..='\u{9FFF}').contains(&character))
}

fn operations(groups: &[PreferenceGroup]) -> BTreeMap<ConstraintOperation, usize> {
    let mut counts = BTreeMap::new();
    for group in groups {
        *counts.entry(group.operation).or_default() += 1;
    }
    counts
}

#[test]
fn training_groups_cover_every_dimension_operation_and_language_evenly() {
    let groups = groups("groups.jsonl");
    assert_eq!(groups.len(), 24);
    assert_eq!(dimensions(&groups), ConstraintDimension::ALL.into());
    assert_eq!(operations(&groups), ConstraintOperation::ALL.map(|operation| (operation, 8)).into());
    assert_eq!(groups.iter().filter(|group| is_chinese(&group.x1.description)).count(), 12);
}

#[test]
fn evaluation_groups_cover_every_type_operation_and_language() {
    let groups = groups("eval_groups.jsonl");
    assert_eq!(groups.len(), 8);
    let types: BTreeSet<ConstraintType> =
        dimensions(&groups).into_iter().map(ConstraintDimension::constraint_type).collect();
    assert_eq!(types, ConstraintType::ALL.into());
    assert_eq!(operations(&groups).into_values().collect::<Vec<_>>(), [3, 2, 3]);
    assert_eq!(groups.iter().filter(|group| is_chinese(&group.x1.description)).count(), 4);
}

#[test]
fn ids_are_unique_and_no_evaluation_prompt_is_trained_on() {
    let all = both_files();
    let ids: BTreeSet<&str> = all.iter().map(|group| group.id.as_str()).collect();
    assert_eq!(ids.len(), all.len());
    let prompts = |groups: &[PreferenceGroup]| {
        groups.iter().flat_map(|g| [g.x1.prompt(), g.x2.prompt()]).collect::<BTreeSet<_>>()
    };
    assert!(prompts(&groups("groups.jsonl")).is_disjoint(&prompts(&groups("eval_groups.jsonl"))));
}

#[test]
fn groups_are_short_enough_to_train_on_in_a_minute() {
    for group in both_files() {
        let (prompt_limit, response_limit) =
            if is_chinese(&group.x1.description) { (80, 50) } else { (160, 120) };
        for prompt in [group.x1.prompt(), group.x2.prompt()] {
            assert!(prompt.chars().count() <= prompt_limit, "{}", group.id);
        }
        for response in [&group.y1, &group.y2] {
            assert!(response.chars().count() <= response_limit, "{}", group.id);
        }
    }
}

#[test]
fn constraints_change_as_the_operation_says() {
    for group in both_files() {
        let (before, after) = (&group.x1.constraints, &group.x2.constraints);
        assert_eq!(
            (&group.x1.description, &group.x1.input),
            (&group.x2.description, &group.x2.input),
            "{}",
            group.id
        );
        match group.operation {
            ConstraintOperation::Add => {
                assert!(after.len() > before.len() && after.starts_with(before), "{}", group.id)
            }
            ConstraintOperation::Delete => {
                assert!(before.len() > after.len() && before.starts_with(after), "{}", group.id)
            }
            ConstraintOperation::Revise => {
                assert!(before.len() == after.len() && before != after, "{}", group.id)
            }
        }
    }
}

/// Whether a response keeps one constraint, for the constraints that a few lines of code can check.
fn keeps(constraint: &str, response: &str) -> Option<bool> {
    let words = response.split_whitespace().count();
    let keys = || serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(response).ok();
    let has_key = |key: &str| keys().is_some_and(|object| object.contains_key(key));
    Some(
        match constraint
            .trim_start_matches(|character: char| character.is_ascii_digit() || ". ".contains(character))
        {
            "Use exactly three words." => words == 3,
            "Use exactly four words." => words == 4,
            "Use exactly five words." => words == 5,
            "Key: name." => has_key("name"),
            "Key: age." => has_key("age"),
            "Key: city." => has_key("city"),
            "Leave out the lemon." => !response.contains("lemon"),
            "Use a bulleted list with dashes." => response.lines().all(|line| line.starts_with("- ")),
            "Answer in French." => response == "On se dit bonjour.",
            "End with the emoji 🌞." => response.ends_with('🌞'),
            "End with the emoji 🎉." => response.ends_with('🎉'),
            "Heading \"# Steps\"." => response.lines().any(|line| line == "# Steps"),
            "Heading \"# Tools\"." => response.lines().any(|line| line == "# Tools"),
            "Cite a source in brackets." => response.contains('[') && response.contains(']'),
            "用英文书写" => !is_chinese(response),
            "含“书”字" => response.contains('书'),
            "提到豆浆" => response.contains("豆浆"),
            "写成Markdown表格" => {
                response.lines().all(|line| line.starts_with("| ") && line.ends_with(" |"))
            }
            "写成编号列表" => {
                response.lines().zip(1..).all(|(line, number)| line.starts_with(&format!("{number}. ")))
            }
            "使用阿拉伯数字" => response.contains(|character: char| character.is_ascii_digit()),
            "若是算术题，先写“计算：”再列算式" => response.starts_with("计算："),
            "不超过二十个字" => response.chars().count() <= 20,
            "只写一句话" => response.matches('。').count() == 1 && response.ends_with('。'),
            _ => return None,
        },
    )
}

fn keeps_all(instruction: &Instruction, response: &str) -> (bool, usize) {
    let verdicts: Vec<bool> =
        instruction.constraints.iter().filter_map(|constraint| keeps(&constraint.text, response)).collect();
    (verdicts.iter().all(|kept| *kept), verdicts.len())
}

#[test]
fn responses_keep_the_constraints_that_code_can_check() {
    let mut checked = 0;
    for group in both_files() {
        for (instruction, response) in [(&group.x1, &group.y1), (&group.x2, &group.y2)] {
            let (kept, count) = keeps_all(instruction, response);
            assert!(kept, "{}: {response:?} breaks {:?}", group.id, instruction.constraints);
            checked += count;
        }
    }
    assert_eq!(checked, 37, "a constraint was reworded, and its check no longer finds it");
}

#[test]
fn the_first_response_breaks_an_added_constraint_that_code_can_check() {
    for group in both_files().into_iter().filter(|group| group.operation == ConstraintOperation::Add) {
        let (kept, all) = keeps_all(&group.x2, &group.y1);
        let (_, before) = keeps_all(&group.x1, &group.y1);
        assert!(all == before || !kept, "{}", group.id);
    }
}
