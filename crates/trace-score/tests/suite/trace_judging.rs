//! Judging TRACE responses: prompts, the reading of answers, votes and agreement.

use std::fs;

use proptest::prelude::*;
use trace_replay::trace_judge::replay;
use trace_schema::{Constraint, EvalRow, Instruction, JsonlReader, UnknownLabels};
use trace_score::UnreadableAnswer;
use trace_score::trace::{
    Judgement, MAX_ANSWER_BYTES, PromptLanguage, QueryReading, TracePrompts, VoteRule, agreement,
    constraint_ratings, official_overall_score, parse_judgement, vote,
};

use crate::common::recording;

fn instruction(input: Option<&str>) -> Instruction {
    Instruction {
        description: "Describe the sea.".to_owned(),
        constraints: vec![
            Constraint::unlabelled("1. Be short;"),
            Constraint::unlabelled("2. Use {two} braces."),
        ],
        input: input.map(str::to_owned),
    }
}

#[test]
fn every_recorded_judge_answer_agrees() {
    let Some(path) = recording("trace_judge_parse_golden.jsonl") else { return };
    let report = replay(&path).unwrap();
    assert!(report.passed(), "{report}");
}

#[test]
fn a_changed_recording_disagrees() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let text = "{\"judge_output\": \"Constraints Overall Score: [[5]]\", \"score\": 6.0}\n{\"judge_output\": \"\", \"score\": null}\n";
    fs::write(file.path(), text).unwrap();
    let report = replay(file.path()).unwrap();
    assert_eq!((report.rows, report.agreeing(), report.disagreements[0].row), (2, 1, 1));
}

#[test]
fn the_official_reading_takes_the_first_score() {
    for (answer, expected) in [
        ("Constraints Overall Score: [[3]]\nConstraints Overall Score: [[9]]", Some(3.0)),
        ("Constraints Overall Score: [[1.2.3]] Constraints Overall Score: [[9]]", None),
        ("Constraints Overall Score: [[]] Constraints Overall Score: [[9]]", Some(9.0)),
        ("Constraints Overall Score:\u{3000}[[9]]", Some(9.0)),
        ("Constraints Overall Score:\u{200b}[[9]]", None),
        ("Constraints Overall Score: [[１０]]", None),
        ("constraints overall score: [[9]]", None),
        ("Constraints Overall Score: [[-1]]", None),
        ("Constraints Overall Score: [[.5]]", Some(0.5)),
    ] {
        assert_eq!(official_overall_score(answer), expected, "{answer:?}");
    }
}

#[test]
fn both_readings_of_the_query_are_offered() {
    let (with, without, null) =
        (instruction(Some("A {query}.")), instruction(None), instruction(Some("x NULL y")));
    assert_eq!(QueryReading::default().query(&with), with.prompt());
    assert_eq!(QueryReading::InputOrDescription.query(&with), "A {query}.");
    assert_eq!(QueryReading::InputOrDescription.query(&without), "Describe the sea.");
    assert_eq!(QueryReading::InputOrDescription.query(&null), "Describe the sea.");
}

#[test]
fn prompts_show_each_part_once_and_leave_braces_alone() {
    for language in [PromptLanguage::Chinese, PromptLanguage::English] {
        let prompts = TracePrompts::load(language, None).unwrap();
        let text =
            prompts.judge_prompt(&instruction(Some("in")), "{query} {0} {{}}", QueryReading::WholePrompt);
        assert!(text.ends_with("—OUTPUT—"));
        assert_eq!(text.matches("{query} {0} {{}}").count(), 1);
        assert_eq!(
            text.matches("1. Be short;\n2. Use {two} braces.").count(),
            2,
            "in the query, and as constraints"
        );
        assert!(text.contains("Fine Grained Score") && text.contains("Constraints Overall Score"));
        for text in
            [prompts.redundancy_prompt(&instruction(None)), prompts.completeness_prompt(&instruction(None))]
        {
            assert!(text.contains("Describe the sea.") && text.trim_end().ends_with("NULL"));
        }
    }
}

#[test]
fn the_example_in_each_prompt_is_read_by_both_parsers() {
    for (language, constraints) in [
        (PromptLanguage::Chinese, ["1. 只写一句话；", "2. 包含“清晨”；", "3. 以感叹号结尾。"]),
        (
            PromptLanguage::English,
            ["1. Write a single sentence;", "2. Use the word \"dawn\";", "3. End with an exclamation mark."],
        ),
    ] {
        let prompts = TracePrompts::load(language, None).unwrap();
        let text = prompts.judge_prompt(&instruction(None), "", QueryReading::WholePrompt);
        let example = text.split("—OUTPUT—").nth(1).unwrap();
        let judgement = parse_judgement(example, &constraints).unwrap();
        assert_eq!(judgement, Judgement { scores: vec![10, 10, 0], overall: 6.0 });
        assert!(!judgement.follows_all());
        assert_eq!(official_overall_score(example), Some(6.0));
    }
}

#[test]
fn a_folder_overrides_a_prompt() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("judge.en.txt"), "{query}/{constraints}/{response}").unwrap();
    let load = |language| TracePrompts::load(language, Some(folder.path()));
    let text = load(PromptLanguage::English).unwrap().judge_prompt(
        &instruction(None),
        "r",
        QueryReading::InputOrDescription,
    );
    assert_eq!(text, "Describe the sea./1. Be short;\n2. Use {two} braces./r");
    let texts = load(PromptLanguage::English).unwrap().texts();
    assert_eq!(texts[0], ("judge", "{query}/{constraints}/{response}".to_owned()));
    let built_in = include_str!("../../src/trace/prompts/redundancy.en.txt");
    assert_eq!(texts[1], ("redundancy", built_in.trim_end().to_owned()));
    assert_eq!(
        load(PromptLanguage::Chinese).unwrap(),
        TracePrompts::load(PromptLanguage::Chinese, None).unwrap()
    );
    fs::write(folder.path().join("judge.en.txt"), "{query}").unwrap();
    assert!(load(PromptLanguage::English).unwrap_err().to_string().ends_with("has no place {constraints}"));
}

const CONSTRAINTS: [&str; 3] = ["1. Be short;", "2. Rhyme.", "3. Use \"dawn\""];

fn answer(scores: &str) -> String {
    format!("Explanation: fine.\nFine Grained Score: {scores}\nConstraints Overall Score: [[5]]")
}

fn scores(block: &str) -> Result<Vec<u8>, UnreadableAnswer> {
    parse_judgement(&answer(block), &CONSTRAINTS).map(|judgement| judgement.scores)
}

#[test]
fn scores_are_found_by_text_number_or_order() {
    for block in [
        r#"[{"Be short": 10, "Rhyme": 0, "Use \"dawn\"": 7}]"#,
        r#"{"1. Be short;": 10, "2. Rhyme.": 0, "3. Use \"dawn\"": 7}"#,
        r#"{"Use \"dawn\"": 7, "Rhyme": 0, "Be short": 10}"#,
        r#"[{"Be short": 10}, {"Rhyme": 0.0}, {"Use \"dawn\"": 7}]"#,
        r#"{"3": 7, "1": 10, "2": 0}"#,
        r#"{"Constraint 2": 0, "约束1": 10, "3.": 7}"#,
        r#"{"shortness": 10, "rhyming": 0, "the word": 7}"#,
        r#"{"shortness": 10, "Rhyme": 0, "the word": 7}"#,
        "```json\n[{\"Be short\": 10,\n \"Rhyme\": 0, \"Use \\\"dawn\\\"\": 7}]\n```",
    ] {
        assert_eq!(scores(block).unwrap(), [10, 0, 7], "{block}");
    }
}

#[test]
fn constraints_of_the_same_text_take_their_scores_in_order() {
    let judged = parse_judgement(&answer(r#"{"a": 1, "b": 2, "a": 3}"#), &["a", "1. a;", "b"]).unwrap();
    assert_eq!(judged.scores, [1, 3, 2]);
}

const NO_SCORES: &str =
    "found no JSON object with the scores of the constraints after \"Fine Grained Score\"";
const BAD_OVERALL: &str = "not of the form [[d]]";
const NO_OVERALL: &str = "found no \"Constraints Overall Score: [[d]]\" after the scores of the constraints";

/// The message about an answer on one constraint.
fn error_of(answer: &str) -> String {
    parse_judgement(answer, &["a"]).unwrap_err().to_string()
}

#[test]
fn each_way_to_be_wrong_has_a_message_of_its_own() {
    let error = |block: &str| scores(block).unwrap_err().to_string();
    assert_eq!(error("10, 0, 7"), NO_SCORES);
    assert_eq!(error("[[5]]"), NO_SCORES);
    assert_eq!(error(r#"{"x": 1, "y": 2}"#), "2 scores for 3 constraints");
    let missing = format!("no score for the constraint {:?}", CONSTRAINTS[2]);
    assert_eq!(error(r#"{"Be short": 1, "Rhyme": 2}"#), missing);
    assert_eq!(error(r#"{"Be short": 1, "Rhyme": 2, "Rhyme": 2}"#), "\"Rhyme\" is scored more than once");
    assert_eq!(error(r#"{"Rhyme": 1, "x": 2, "y": 3}"#), "\"x\" is not one of the constraints");
    for (value, expected) in [
        ("\"10\"", "is not a number".to_owned()),
        ("null", "is not a number".to_owned()),
        ("[10]", "is not a number".to_owned()),
        ("11", "is 11, not between 0 and 10".to_owned()),
        ("-1", "is -1, not between 0 and 10".to_owned()),
        ("1e300", format!("is {}, not between 0 and 10", 1e300)),
        ("7.5", "is 7.5, not a whole number".to_owned()),
    ] {
        let found = error(&format!(r#"{{"1": {value}, "2": 0, "3": 0}}"#));
        assert_eq!(found, format!("the score of \"1\" {expected}"));
    }
    assert_eq!(error(r#"{"1": 1e999, "2": 0, "3": 0}"#), NO_SCORES);
    let long = parse_judgement(&"x".repeat(MAX_ANSWER_BYTES + 1), &CONSTRAINTS).unwrap_err().to_string();
    assert_eq!(long, format!("the answer has {} bytes, more than {MAX_ANSWER_BYTES}", MAX_ANSWER_BYTES + 1));
}

#[test]
fn the_overall_score_follows_the_others_in_double_brackets() {
    let overall = |text: &str| {
        parse_judgement(&format!(r#"Fine Grained Score: {{"a": 1}}{text}"#), &["a"])
            .map(|judged| judged.overall)
    };
    for (text, expected) in [
        ("\nConstraints Overall Score: [[7.5]]", 7.5),
        ("\n**Constraints Overall Score:** [[ 10 ]]", 10.0),
        ("\nConstraints Overall Score：[[0]]", 0.0),
        (" Constraints Overall Score: [[3]] then Constraints Overall Score: [[4]]", 4.0),
    ] {
        assert_eq!(overall(text).unwrap(), expected, "{text}");
    }
    let message = |text: &str| overall(text).unwrap_err().to_string();
    assert_eq!(message(""), NO_OVERALL);
    let above = message(" Constraints Overall Score: [[11]]");
    assert_eq!(above, "the overall score is 11, not between 0 and 10");
    for text in ["10/10", "nan", "1e1", "-1", "٣", "."] {
        let found = message(&format!(" Constraints Overall Score: [[{text}]]"));
        assert_eq!(found, format!("the overall score is {text:?}, not of the form [[d]]"));
    }
    assert!(message(" Constraints Overall Score: [9]").ends_with(BAD_OVERALL));
    let before = r#"Constraints Overall Score: [[5]] Fine Grained Score: {"a": 1}"#;
    assert_eq!(error_of(before), NO_OVERALL);
    let again = r#"Fine Grained Score: {"a": 1} Constraints Overall Score: [[5]], so the constraints overall score is five"#;
    assert!(error_of(again).ends_with(BAD_OVERALL));
}

#[test]
fn scores_quoted_from_the_response_do_not_count() {
    let fake = r#"The response claims: Fine Grained Score: [{"a": 10}] Constraints Overall Score: [[10]] which is not so."#;
    let own = r#"Fine Grained Score: [{"a": 0}] Constraints Overall Score: [[0]]"#;
    let judged = parse_judgement(&format!("{fake}\n{own}"), &["a"]).unwrap();
    assert_eq!(judged, Judgement { scores: vec![0], overall: 0.0 });
    assert_eq!(
        official_overall_score(&format!("{fake}\n{own}")),
        Some(10.0),
        "the official reading is misled"
    );
    assert_eq!(error_of(&format!("{fake}\nFine Grained Score: none")), NO_SCORES);
    let between =
        r#"Fine Grained Score: it claims [{"a": 10}], mine is [{"a": 0}] Constraints Overall Score: [[0]]"#;
    assert_eq!(parse_judgement(between, &["a"]).unwrap().scores, [0]);
    let after = format!(r#"{own} It had claimed [{{"a": 10}}]."#);
    assert_eq!(parse_judgement(&after, &["a"]).unwrap().scores, [0]);
    let malformed = format!(r#"{fake} Fine Grained Score: [{{"a": 0}}] Constraints Overall Score: [0]"#);
    assert!(error_of(&malformed).ends_with(BAD_OVERALL));
    let without_heading = r#"It says {"a": 10}. Mine: {"a": 0} Constraints Overall Score: [[0]]"#;
    assert_eq!(parse_judgement(without_heading, &["a"]).unwrap().scores, [0]);
}

#[test]
fn every_row_of_the_released_file_is_read_back_from_an_answer_by_text() {
    let Some(path) = recording("trace_evaluation.jsonl") else { return };
    let reader: JsonlReader<_, EvalRow> = JsonlReader::open(&path).unwrap();
    let mut rows = 0;
    for row in reader.unknown_labels(UnknownLabels::Keep) {
        let row = row.unwrap();
        let instruction = row.instruction();
        assert_eq!(Some(QueryReading::WholePrompt.query(&instruction).as_str()), row.user_message());
        let scores: Vec<u8> = (0..row.constraints.len()).map(|place| (place * 7 % 11) as u8).collect();
        let entries: Vec<String> = row
            .constraints
            .iter()
            .zip(&scores)
            .map(|(text, score)| format!("{}: {score}", serde_json::to_string(text).unwrap()))
            .collect();
        let text = answer(&format!("[{{{}}}]", entries.join(", ")));
        assert_eq!(parse_judgement(&text, &row.constraints).unwrap().scores, scores, "id {}", row.id);
        rows += 1;
    }
    assert_eq!(rows, 1042);
}

fn judged(scores: &[u8], overall: f64) -> Judgement {
    Judgement { scores: scores.to_vec(), overall }
}

#[test]
fn votes_are_counted_constraint_by_constraint() {
    let votes = [judged(&[10, 3], 9.0), judged(&[10, 8], 4.0), judged(&[0, 8], 5.0), judged(&[0, 10], 5.0)];
    let median = vote(&votes, VoteRule::Median).unwrap();
    assert_eq!(median.judgement, judged(&[0, 8], 5.0));
    assert_eq!(median.support, [0.5, 0.5]);
    let majority = vote(&votes, VoteRule::Majority).unwrap();
    assert_eq!(majority.judgement, judged(&[0, 8], 5.0), "of equally frequent scores the lower");
    let three = vote(&votes[..3], VoteRule::Majority).unwrap();
    assert_eq!((three.judgement.scores, three.votes), (vec![10, 8], 3));
    assert_eq!(constraint_ratings(&votes).unwrap(), [[10, 10, 0, 0], [3, 8, 8, 10]]);
    let message = |votes: &[Judgement]| vote(votes, VoteRule::Median).unwrap_err().to_string();
    assert_eq!(message(&[]), "no judgements to vote with");
    let unequal = message(&[judged(&[1], 0.0), judged(&[], 0.0)]);
    assert_eq!(unequal, "judgement 1 has 0 scores, the first has 1");
}

/// The example of Wikipedia's article on Fleiss' kappa: 14 raters, 10 items, 5 categories, kappa 0.210.
#[test]
fn kappa_is_that_of_the_textbook_example() {
    const COUNTS: [[usize; 5]; 10] = [
        [0, 0, 0, 0, 14],
        [0, 2, 6, 4, 2],
        [0, 0, 3, 5, 6],
        [0, 3, 9, 2, 0],
        [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0],
        [3, 2, 6, 3, 0],
        [2, 5, 3, 2, 2],
        [6, 5, 2, 1, 0],
        [0, 2, 2, 3, 7],
    ];
    let item =
        |counts: &[usize; 5]| (0..5_u8).flat_map(|place| vec![place; counts[usize::from(place)]]).collect();
    let ratings: Vec<Vec<u8>> = COUNTS.iter().map(item).collect();
    let result = agreement(&ratings).unwrap();
    assert!((result.percent_agreement - 0.378).abs() < 5e-4, "{result:?}");
    assert!((result.fleiss_kappa.unwrap() - 0.210).abs() < 5e-4, "{result:?}");
    assert_eq!((result.items, result.raters, result.unanimous), (10, 14, 0.1));
}

#[test]
fn agreement_has_its_limits() {
    let same = agreement(&[vec![1, 1], vec![1, 1]]).unwrap();
    assert_eq!((same.percent_agreement, same.unanimous, same.fleiss_kappa), (1.0, 1.0, None));
    let perfect = agreement(&[vec![1, 1, 1], vec![0, 0, 0]]).unwrap();
    assert_eq!(perfect.fleiss_kappa, Some(1.0));
    let opposite = agreement(&[vec![0, 1], vec![1, 0]]).unwrap();
    assert_eq!((opposite.percent_agreement, opposite.fleiss_kappa), (0.0, Some(-1.0)));
    let message = |ratings: &[Vec<u8>]| agreement(ratings).unwrap_err().to_string();
    assert_eq!(message(&[]), "no items to compare raters on");
    assert_eq!(message(&[vec![1]]), "item 0 has 1 ratings; agreement needs at least two");
    assert_eq!(message(&[vec![1, 1], vec![1]]), "item 1 has 1 ratings, the first has 2");
}

const PIECES: &str = r#"(?:Fine Grained Score|Constraints Overall Score|:|：|\[|\]|\{|\}|"|,|a|b|1|10|11|-|\.|e9|\n| |\*|```json){0,30}"#;

proptest! {
    #[test]
    fn no_answer_makes_a_parser_panic(text in PIECES, any in any::<String>()) {
        for text in [&text, &any] {
            if let Ok(judged) = parse_judgement(text, &["a", "b"]) {
                prop_assert!(judged.scores.len() == 2 && judged.scores.iter().all(|&score| score <= 10));
                prop_assert!((0.0..=10.0).contains(&judged.overall));
            }
            let _ = official_overall_score(text);
        }
    }

    #[test]
    fn what_is_written_is_read(
        rows in prop::collection::btree_map("[a-z 你好]{0,6}[a-z你]", 0_u8..=10, 1..9), overall in 0_u8..=10, reverse in any::<bool>(),
    ) {
        // White space is no part of a wording: constraints that differ in nothing else are one.
        let mut wordings: Vec<String> = rows.keys().map(|text| text.replace(' ', "")).collect();
        wordings.sort();
        wordings.dedup();
        prop_assume!(wordings.len() == rows.len());
        let constraints: Vec<&String> = rows.keys().collect();
        let mut entries: Vec<String> =
            rows.iter().map(|(text, score)| format!("{}: {score}", serde_json::to_string(text).unwrap())).collect();
        if reverse {
            entries.reverse();
        }
        let text = format!("Fine Grained Score: {{{}}} Constraints Overall Score: [[{overall}]]", entries.join(","));
        let judged = parse_judgement(&text, &constraints).unwrap();
        prop_assert_eq!(judged.scores, rows.values().copied().collect::<Vec<_>>());
        prop_assert_eq!(judged.overall, f64::from(overall));
    }

    #[test]
    fn a_vote_is_one_of_the_votes_and_does_not_depend_on_their_order(
        votes in prop::collection::vec((0_u8..=10, 0_u8..=10), 1..7), majority in any::<bool>(),
    ) {
        let rule = if majority { VoteRule::Majority } else { VoteRule::Median };
        let mut votes: Vec<Judgement> =
            votes.iter().map(|&(score, overall)| judged(&[score], f64::from(overall))).collect();
        let result = vote(&votes, rule).unwrap();
        prop_assert!(votes.iter().any(|vote| vote.scores == result.judgement.scores));
        prop_assert!(result.support[0] * votes.len() as f64 > 0.99);
        votes.reverse();
        prop_assert_eq!(vote(&votes, rule).unwrap(), result);
    }

    #[test]
    fn agreement_lies_within_its_bounds(ratings in prop::collection::vec(prop::collection::vec(0_u8..4, 3), 1..20)) {
        let result = agreement(&ratings).unwrap();
        prop_assert!((0.0..=1.0).contains(&result.percent_agreement));
        prop_assert!(result.unanimous <= result.percent_agreement + 1e-12);
        prop_assert!(result.fleiss_kappa.is_none_or(|kappa| (-0.5 - 1e-9..=1.0 + 1e-9).contains(&kappa)));
    }

    #[test]
    fn agreement_does_not_depend_on_the_order_of_raters(
        mut ratings in prop::collection::vec(prop::collection::vec(0_u8..3, 3), 1..20), turns in prop::collection::vec(0_usize..3, 20),
    ) {
        let before = agreement(&ratings).unwrap();
        ratings.iter_mut().zip(&turns).for_each(|(item, &turn)| item.rotate_left(turn));
        prop_assert_eq!(agreement(&ratings).unwrap(), before);
    }

    #[test]
    fn kappa_of_raters_who_do_not_look_is_near_0(seed: u64) {
        use rand::{RngExt, SeedableRng};
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
        let ratings: Vec<Vec<u8>> =
            (0..300).map(|_| (0..3).map(|_| u8::from(rng.random_bool(0.7))).collect()).collect();
        let kappa = agreement(&ratings).unwrap().fleiss_kappa.unwrap();
        // 900 pairs: a deviation of 0.033.
        prop_assert!(kappa.abs() < 0.2, "{}", kappa);
    }
}

#[test]
fn hostile_answers_take_little_time() {
    let unit = MAX_ANSWER_BYTES;
    for text in [
        "[".repeat(unit),
        "{\"a\":".repeat(unit / 5),
        "[{\"a\":1},".repeat(unit / 9),
        ("[".to_owned() + &"0,".repeat(1000)).repeat(unit / 2001),
        "Fine Grained Score:".repeat(unit / 19),
        "Constraints Overall Score:*".repeat(unit / 27),
        format!("{{{}\"b\":1}} Constraints Overall Score: [[1]]", "\"a\": 1,".repeat(unit / 8 - 20)),
        format!("{{\"a\": {}}} Constraints Overall Score: [[1]]", "9".repeat(unit - 60)),
    ] {
        assert!(parse_judgement(&text, &["a"]).is_err());
        official_overall_score(&text);
    }
    let many: Vec<String> = (0..3_000).map(|_| "a".to_owned()).collect();
    let block = vec!["\"a\":1"; 3_000].join(",");
    let text = format!("{{{block}}} Constraints Overall Score: [[1]]");
    assert_eq!(parse_judgement(&text, &many).unwrap().scores.len(), 3_000);
}
