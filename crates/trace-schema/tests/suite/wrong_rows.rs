//! One test per way in which a row that parses can be wrong.

use trace_schema::{
    Constraint, ConstraintDimension, ConstraintOperation, DimensionLabel, EvalRow, Instruction,
    PreferenceGroup, PreferencePair, Record, UnknownLabels,
};

fn instruction(constraint: &str) -> Instruction {
    Instruction {
        description: "Describe the sea.".to_owned(),
        constraints: vec![Constraint::new(constraint, ConstraintDimension::Numerical)],
        input: None,
    }
}

fn group() -> PreferenceGroup {
    PreferenceGroup {
        id: "sea".to_owned(),
        operation: ConstraintOperation::Revise,
        x1: instruction("1. Use three words."),
        y1: "Blue, wide, restless.".to_owned(),
        x2: instruction("1. Use five words."),
        y2: "Blue waves roll without end.".to_owned(),
        provenance: None,
    }
}

fn pair() -> PreferencePair {
    let group = group();
    PreferencePair {
        id: group.id,
        instruction: group.x1,
        chosen: group.y1,
        rejected: group.y2,
        provenance: None,
    }
}

fn eval_row() -> EvalRow {
    EvalRow::new("sea", &instruction("1. Use three words."), "own").unwrap()
}

fn group_error(change: impl FnOnce(&mut PreferenceGroup)) -> String {
    let mut group = group();
    change(&mut group);
    group.validate(UnknownLabels::Error).unwrap_err().to_string()
}

fn pair_error(change: impl FnOnce(&mut PreferencePair)) -> String {
    let mut pair = pair();
    change(&mut pair);
    pair.validate(UnknownLabels::Error).unwrap_err().to_string()
}

fn eval_error(change: impl FnOnce(&mut EvalRow)) -> String {
    let mut row = eval_row();
    change(&mut row);
    row.validate(UnknownLabels::Error).unwrap_err().to_string()
}

#[test]
fn the_unchanged_rows_are_valid() {
    assert_eq!(group().validate(UnknownLabels::Error), Ok(()));
    assert_eq!(pair().validate(UnknownLabels::Error), Ok(()));
    assert_eq!(eval_row().validate(UnknownLabels::Error), Ok(()));
}

#[test]
fn empty_id() {
    assert_eq!(group_error(|group| group.id.clear()), "the id is empty");
    assert_eq!(pair_error(|pair| pair.id = " ".to_owned()), "the id is empty");
    assert_eq!(eval_error(|row| row.id.clear()), "the id is empty");
}

#[test]
fn empty_description() {
    let at = |field: &str| format!("{field} is empty");
    assert_eq!(group_error(|group| group.x2.description = "\n".to_owned()), at("x2.description"));
    assert_eq!(pair_error(|pair| pair.instruction.description.clear()), at("instruction.description"));
    assert_eq!(eval_error(|row| row.description.clear()), at("description"));
}

#[test]
fn empty_constraint() {
    let at = |field: &str| format!("{field} is an empty constraint");
    assert_eq!(group_error(|group| group.x1.constraints[0].text.clear()), at("x1.constraints[0]"));
    assert_eq!(eval_error(|row| row.constraints[0].clear()), at("constraints_splits[0]"));
}

#[test]
fn empty_response() {
    let at = |field: &str| format!("{field} is an empty response");
    assert_eq!(group_error(|group| group.y1 = " \u{3000}".to_owned()), at("y1"));
    assert_eq!(group_error(|group| group.y2.clear()), at("y2"));
    assert_eq!(pair_error(|pair| pair.chosen.clear()), at("chosen"));
    assert_eq!(pair_error(|pair| pair.rejected.clear()), at("rejected"));
}

#[test]
fn null_input() {
    let message = "is the text \"NULL\", which stands for no input: leave the key out";
    let error = group_error(|group| group.x2.input = Some("NULL".to_owned()));
    assert_eq!(error, format!("x2.input {message}"));
    let instruction = Instruction { input: Some("NULL".to_owned()), ..instruction("1. Use three words.") };
    let error = EvalRow::new("sea", &instruction, "own").unwrap_err();
    assert_eq!(error.to_string(), format!("input {message}"));
}

#[test]
fn unknown_label() {
    let at = |field: &str| format!("unknown constraint dimension \"·\" at {field}");
    let error = group_error(|group| group.x1.constraints[0].dimension = Some(DimensionLabel::parse("·")));
    assert_eq!(error, at("x1.constraints[0].dimension"));
    assert_eq!(eval_error(|row| row.labels[0] = "·".to_owned()), at("levels2[0]"));
}

#[test]
fn an_unknown_label_that_is_kept_is_no_error() {
    let mut row = eval_row();
    row.labels[0] = "·".to_owned();
    assert_eq!(row.validate(UnknownLabels::Keep), Ok(()));
    assert_eq!(row.instruction().constraints[0].dimension, Some(DimensionLabel::Unknown("·".to_owned())));
}

#[test]
fn missing_label() {
    let mut instruction = instruction("1. Use three words.");
    instruction.constraints.push(Constraint::unlabelled("2. Rhyme."));
    let error = EvalRow::new("sea", &instruction, "own").unwrap_err();
    let message = "constraints_splits[1] has no dimension, and this format needs one for every constraint";
    assert_eq!(error.to_string(), message);
}

#[test]
fn identical_instructions() {
    let error = group_error(|group| {
        group.x2 = group.x1.clone();
        group.x2.constraints[0].dimension = Some(ConstraintDimension::Theme.into());
    });
    assert_eq!(error, "x1 and x2 are the same instruction");
}

#[test]
fn identical_responses() {
    let of = |first: &str, second: &str| format!("{first} and {second} are the same response");
    assert_eq!(group_error(|group| group.y2 = group.y1.clone()), of("y1", "y2"));
    assert_eq!(pair_error(|pair| pair.rejected = pair.chosen.clone()), of("chosen", "rejected"));
}

#[test]
fn constraint_count() {
    let error = eval_error(|row| row.constraint_count = 7);
    assert_eq!(error, "constraints_num is 7, but constraints_splits has 1 entries");
}

#[test]
fn label_count() {
    let error = eval_error(|row| row.labels.clear());
    assert_eq!(error, "levels2 has 0 entries, but constraints_splits has 1");
}

#[test]
fn joined_constraints() {
    let error = eval_error(|row| row.joined_constraints = "1. Use four words.".to_owned());
    let message = "constraints is not constraints_splits joined by newlines: they part at character 7";
    assert_eq!(error, message);
}

#[test]
fn missing_user_message() {
    let error = eval_error(|row| row.messages.retain(|message| message.role != "user"));
    assert_eq!(error, "messages has no message with the role \"user\"");
}

#[test]
fn prompt_mismatch() {
    let error = eval_error(|row| row.input = "Calm.".to_owned());
    let message = "the user message is not the description, constraints and input: they part at character 38";
    assert_eq!(error, message);
}
