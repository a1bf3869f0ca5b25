//! Checks of instructions by rule and by a judge's verdict.

use std::collections::BTreeMap;

use proptest::prelude::*;
use trace_schema::{Constraint, EvalRow, Instruction, JsonlReader, UnknownLabels};
use trace_score::trace::{
    PromptLanguage, QualityIssue, QualityVerdict, TracePrompts, check_quality, parse_quality_verdict,
};

use crate::common::recording;

fn instruction(description: &str, constraints: &[&str], input: Option<&str>) -> Instruction {
    Instruction {
        description: description.to_owned(),
        constraints: constraints.iter().map(|&text| Constraint::unlabelled(text)).collect(),
        input: input.map(str::to_owned),
    }
}

#[test]
fn each_fault_is_found() {
    let missing = |reference: &str| QualityIssue::InputMissing { reference: reference.to_owned() };
    for (description, constraints, input, expected) in [
        (" 。\n", &[][..], None, QualityIssue::EmptyDescription),
        ("NULL", &[], None, QualityIssue::EmptyDescription),
        (
            "写一首诗，不超过四行。",
            &["1. 押韵；", "2. 不超过四行；"],
            None,
            QualityIssue::ConstraintInDescription { constraint: 1 },
        ),
        (
            "Write, in ten lines, a poem.",
            &["1) In ten lines"],
            None,
            QualityIssue::ConstraintInDescription { constraint: 0 },
        ),
        (
            "写一首诗。",
            &["1. 押韵；", "2. 押韵。"],
            None,
            QualityIssue::RepeatedConstraint { first: 0, again: 1 },
        ),
        ("概括以下文本的大意。", &["1. 一句话；"], None, missing("以下文本")),
        ("Translate the following text.", &[], None, missing("the following text")),
        ("把“海上生明月”译成英文。", &[], Some("海上生明月"), QualityIssue::InputInDescription),
    ] {
        assert_eq!(check_quality(&instruction(description, constraints, input)), [expected], "{description}");
    }
}

#[test]
fn sound_instructions_pass() {
    for (description, constraints, input) in [
        ("写一首诗。", &["1. 押韵；", "2. 四行；"][..], None),
        ("概括以下文本的大意。", &["1. 一句话；"], Some("海上生明月，天涯共此时。")),
        ("Translate the following text.", &[], Some("Hello.")),
        ("写诗", &["诗"], None),
    ] {
        assert_eq!(check_quality(&instruction(description, constraints, input)), [], "{description}");
    }
    let given = format!("概括以下文本的大意：{}", "海上生明月，天涯共此时。".repeat(8));
    assert_eq!(check_quality(&instruction(&given, &[], None)), [], "the material is in the description");
}

/// The released set was inspected by people after such checks; these are the rows that the rules still report.
#[test]
fn a_few_faults_are_found_in_the_released_file() {
    let Some(path) = recording("trace_evaluation.jsonl") else { return };
    let reader: JsonlReader<_, EvalRow> = JsonlReader::open(&path).unwrap();
    let mut rows_with = BTreeMap::<&str, usize>::new();
    for row in reader.unknown_labels(UnknownLabels::Keep) {
        let mut kinds: Vec<&str> = check_quality(&row.unwrap().instruction())
            .iter()
            .map(|issue| match issue {
                QualityIssue::EmptyDescription => "empty",
                QualityIssue::ConstraintInDescription { .. } | QualityIssue::RepeatedConstraint { .. } => {
                    "redundant"
                }
                _ => "input",
            })
            .collect();
        kinds.dedup();
        kinds.into_iter().for_each(|kind| *rows_with.entry(kind).or_default() += 1);
    }
    assert_eq!(rows_with, BTreeMap::from([("input", 9), ("redundant", 25)]));
}

#[test]
fn verdicts_are_the_last_object() {
    let verdict = |issue, reason: &str| Ok(QualityVerdict { issue, reason: reason.to_owned() });
    assert_eq!(parse_quality_verdict(r#"Because. {"issue": true, "reason": "x"}"#), verdict(true, "x"));
    assert_eq!(parse_quality_verdict("```json\n{\"issue\": false}\n```"), verdict(false, ""));
    assert_eq!(
        parse_quality_verdict(r#"It quotes {"issue": false}. {"issue": true, "reason": ""}"#),
        verdict(true, "")
    );
    let error = |answer: &str| parse_quality_verdict(answer).unwrap_err().to_string();
    assert_eq!(error("yes"), "found no JSON object in the answer");
    for answer in [
        r#"{"issue": "true"}"#,
        r#"{"reason": "x"}"#,
        r#"{"issue": true, "issue": false}"#,
        r#"{"issue": true} {}"#,
    ] {
        assert_eq!(error(answer), "\"issue\" is not true or false, once", "{answer}");
    }
}

#[test]
fn the_example_in_each_prompt_is_a_verdict() {
    for language in [PromptLanguage::Chinese, PromptLanguage::English] {
        let prompts = TracePrompts::load(language, None).unwrap();
        let subject = instruction("Describe the sea.", &["Be short."], None);
        for text in [prompts.redundancy_prompt(&subject), prompts.completeness_prompt(&subject)] {
            assert!(parse_quality_verdict(&text).unwrap().issue);
        }
    }
}

proptest! {
    #[test]
    fn no_text_makes_a_check_panic(
        description in any::<String>(), constraint in r"[(（\[0-9.、a你 ]{0,8}", input in prop::option::of(any::<String>()),
        answer in r#"(?:\{|\}|\[|\]|"issue"|true|false|:|,|"| ){0,20}"#,
    ) {
        check_quality(&instruction(&description, &[&constraint, &description], input.as_deref()));
        let _ = (parse_quality_verdict(&answer), parse_quality_verdict(&description));
    }
}
