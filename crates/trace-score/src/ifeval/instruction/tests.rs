#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use serde_json::json;

use super::*;

fn parse(id: &str, arguments: &Value) -> Result<Instruction, InstructionError> {
    Instruction::parse(id, arguments.as_object().unwrap())
}

fn error(id: &str, arguments: &Value) -> String {
    parse(id, arguments).unwrap_err().to_string()
}

#[test]
fn an_argument_that_is_null_is_absent() {
    assert!(parse("punctuation:no_comma", &json!({"num_words": null})).is_ok());
    assert_eq!(
        error("length_constraints:number_words", &json!({"num_words": null, "relation": "at least"})),
        r#"length_constraints:number_words: the argument "num_words" is missing"#
    );
}

/// Data frames and Arrow turn a column of counts with gaps into floats.
#[test]
fn a_count_may_be_a_whole_float() {
    for (id, whole, float) in [
        (
            "length_constraints:number_words",
            json!({"num_words": 300, "relation": "at least"}),
            json!({"num_words": 300.0, "relation": "at least"}),
        ),
        (
            "length_constraints:nth_paragraph_first_word",
            json!({"num_paragraphs": 3, "nth_paragraph": 2, "first_word": "a"}),
            json!({"num_paragraphs": 3.0, "nth_paragraph": 2.0, "first_word": "a"}),
        ),
        (
            "keywords:letter_frequency",
            json!({"letter": "e", "let_frequency": 2, "let_relation": "less than"}),
            json!({"letter": "e", "let_frequency": 2e0, "let_relation": "less than"}),
        ),
    ] {
        assert_eq!(format!("{:?}", parse(id, &float).unwrap()), format!("{:?}", parse(id, &whole).unwrap()));
    }
    for count in [json!(2.5), json!(-1.0), json!(1e300), json!("3"), json!(true)] {
        assert_eq!(
            error("detectable_format:number_bullet_lists", &json!({"num_bullets": count})),
            r#"detectable_format:number_bullet_lists: the argument "num_bullets" is not a whole number from 0"#
        );
    }
}

#[test]
fn every_way_to_be_wrong_names_the_argument() {
    assert_eq!(error("keywords:nothing", &json!({})), r#"unknown instruction "keywords:nothing""#);
    assert_eq!(
        error("punctuation:no_comma", &json!({"colour": 1})),
        r#"punctuation:no_comma: unknown argument "colour""#
    );
    assert_eq!(
        error("detectable_format:number_bullet_lists", &json!({"num_bullets": -1})),
        r#"detectable_format:number_bullet_lists: the argument "num_bullets" is not a whole number from 0"#
    );
    assert_eq!(
        error("length_constraints:number_words", &json!({"num_words": 3, "relation": "more than"})),
        r#"length_constraints:number_words: the argument "relation" is "more than", neither "less than" nor "at least""#
    );
    assert_eq!(
        error("language:response_language", &json!({"language": "zh"})),
        r#"language:response_language: the argument "language" is the unknown language "zh""#
    );
    assert_eq!(
        error("keywords:existence", &json!({"keywords": ["a", "(b"]})),
        "keywords:existence: the argument \"keywords\": \"(b\" is not a regular expression: missing ), \
         unterminated subpattern at character 2"
    );
    assert_eq!(
        error("keywords:existence", &json!({"keywords": []})),
        r#"keywords:existence: the argument "keywords" is empty"#
    );
    let letter = json!({"letter": "ab", "let_frequency": 1, "let_relation": "at least"});
    assert_eq!(
        error("keywords:letter_frequency", &letter),
        r#"keywords:letter_frequency: the argument "letter" is not one character"#
    );
    let paragraph = json!({"num_paragraphs": 2, "nth_paragraph": 3, "first_word": "a"});
    assert_eq!(
        error("length_constraints:nth_paragraph_first_word", &paragraph),
        r#"length_constraints:nth_paragraph_first_word: the argument "nth_paragraph" is not from 1 to num_paragraphs"#
    );
}

#[test]
fn a_character_that_is_no_letter_can_be_replaced() {
    let arguments = |letter: &str| json!({"letter": letter, "let_frequency": 1, "let_relation": "at least"});
    let mut letter = parse("keywords:letter_frequency", &arguments("#")).unwrap();
    *letter.non_letter_mut().unwrap() = 'q';
    assert!(matches!(letter, Instruction::LetterFrequency { letter: 'q', .. }));
    // The Kelvin sign is the letter k.
    assert!(parse("keywords:letter_frequency", &arguments("\u{212a}")).unwrap().non_letter_mut().is_none());
}
