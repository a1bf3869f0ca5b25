//! CFBench against recordings of its official code, and the repaired scoring against its definitions.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use trace_score::cfbench::{
    CfBenchDataError, CfBenchItem, CfBenchParseError, CfBenchPrompt, CfBenchScore, Criterion, ParseStatus,
    Priority::{self, Primary, Secondary},
    Rounding, Split, judge_answer, load_items, official_judgement, parse_verdicts, replay, score_verdicts,
    summarize,
};
use trace_score::trace::ReplayError;

/// The recording, or `None` after a line that says what is skipped.
fn recording(name: &str) -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let places = ["fixtures/golden", "../shared/data"].map(|folder| root.join(folder).join(name));
    if let Some(path) = places.iter().find(|path| path.exists()) {
        return Some(path.clone());
    }
    // Unlike `eprintln!`, this is shown for a test that passes.
    std::io::stderr().write_all(format!("SKIPPED: no file {}\n", places[1].display()).as_bytes()).unwrap();
    None
}

#[test]
fn every_recorded_row_agrees() {
    for name in
        ["cfbench_score_golden.jsonl", "cfbench_aggregate_golden.jsonl", "cfbench_rounding_golden.json"]
    {
        let Some(path) = recording(name) else { continue };
        let report = replay(&path).unwrap();
        assert!(report.passed(), "{name}\n{report}");
    }
}

#[test]
fn a_changed_recording_disagrees() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("score.jsonl");
    let row = |csr: &str| {
        format!(
            r#"{{"priorities": ["主需"], "criteria": ["c"], "judge_response": "c\t1", "split": "easy",
               "judge_score": ["1"], "judge_parsing": "1", "CSR": {csr}, "ISR": 1, "PSR": 1}}"#
        )
        .replace('\n', " ")
    };
    fs::write(&path, format!("{}\n{}\n", row("1.0"), row("0.99"))).unwrap();
    let report = replay(&path).unwrap();
    assert_eq!((report.rows, report.agreeing(), report.passed()), (2, 1, false));
    assert_eq!(report.disagreements[0].row, 2);
    assert!(report.to_string().ends_with("CFBench scores: 1 of 2 rows agree"));
}

#[test]
fn recordings_that_cannot_be_replayed_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cfbench_aggregate.jsonl");
    let error = |text: &str| {
        fs::write(&path, text).unwrap();
        replay(&path).unwrap_err()
    };
    assert!(matches!(error(""), ReplayError::Empty { .. }));
    assert!(matches!(error("{\"a\": 1}"), ReplayError::UnknownLayout { .. }));
    assert!(matches!(error("{\"k\": 1, \"n\": 2}\n{"), ReplayError::Syntax { row: 2, .. }));
    assert!(matches!(error("{\"k\": 1, \"n\": 2}"), ReplayError::Shape { row: 1, .. }));
    let summaries = r#"{"subset": "all", "rows": 0, "scores": {}}"#;
    assert!(matches!(error(summaries), ReplayError::MissingRows { .. }));
    assert!(matches!(replay(folder.path()), Err(ReplayError::Read { .. })));
}

#[test]
fn the_official_fallback_makes_a_perfect_score_of_one_line() {
    let criteria = [("c0", "主需"), ("c1", "次需"), ("c2", "次需")];
    let judged = official_judgement("c0\t0\nc1\t1\nc2\t0", &criteria).unwrap();
    assert_eq!(judged.status, ParseStatus::OnesOnly);
    assert_eq!(judged.score, CfBenchScore { csr: 1.0, isr: 1, psr: 1 });
    let ours = parse_verdicts("c0\t0\nc1\t1\nc2\t0", &["c0", "c1", "c2"]).unwrap();
    assert_eq!(ours, [false, true, false]);
}

#[test]
fn both_readings_agree_where_the_judge_keeps_to_the_format() {
    let criteria = [("c0", "主需"), ("c1", "次需"), ("c2", "次需")];
    for bits in 0..8_u8 {
        let verdicts: Vec<bool> = (0..3).map(|bit| bits >> bit & 1 == 1).collect();
        let lines =
            criteria.iter().zip(&verdicts).map(|((text, _), &holds)| format!("{text}\t{}", u8::from(holds)));
        let answer = lines.collect::<Vec<_>>().join("\n\n");
        let official = official_judgement(&answer, &criteria).unwrap().score;
        let ours = score_verdicts(
            &[Primary, Secondary, Secondary],
            &parse_verdicts(&answer, &["c0", "c1", "c2"]).unwrap(),
        );
        let ours = ours.unwrap();
        assert!((official.csr - ours.csr).abs() < 0.005);
        assert_eq!((official.isr, official.psr), (ours.isr, ours.psr));
    }
}

#[test]
fn answers_that_differ_in_spacing_are_read() {
    let criteria = ["  two\nlines ", "b"];
    for answer in [
        "two\nlines\t1\n\nb\t0",
        "two lines\t1\nb\t0\n\n",
        "two\r\nlines\t1\r\n\r\nb 0",
        "two\nlines\\t1\n\nb\\t0。",
        "\n  two\nlines \t 1.0\n\n\n\nb\t0.",
    ] {
        assert_eq!(parse_verdicts(answer, &criteria).unwrap(), [true, false], "{answer:?}");
    }
}

#[test]
fn each_way_to_be_wrong_is_an_error_of_its_own() {
    let error = |answer: &str| parse_verdicts(answer, &["a", "b"]).unwrap_err();
    assert_eq!(error("a\t1"), CfBenchParseError::CriterionMissing { criterion: 1 });
    assert_eq!(error("b\t1\n\na\t0"), CfBenchParseError::CriterionMissing { criterion: 0 });
    assert_eq!(error("Here: a\t1\n\nb\t0"), CfBenchParseError::CriterionMissing { criterion: 0 });
    for (answer, found) in
        [("a\t2\n\nb\t0", "2"), ("a1\n\nb\t0", "1"), ("a\t\n\nb\t0", "b\t0"), ("a\t1 yes\nb\t0", "1 yes")]
    {
        assert_eq!(error(answer), CfBenchParseError::BadScore { criterion: 0, found: found.to_owned() });
    }
    assert_eq!(error("a\t1\nb\t1\nc\t1"), CfBenchParseError::TrailingText { found: "c\t1".to_owned() });
    assert_eq!(judge_answer("", &[]), Err(CfBenchParseError::NoCriteria));
}

#[test]
fn psr_asks_for_all_primary_and_more_than_four_fifths() {
    let psr = |primary: &[bool], secondary: &[bool]| {
        let priorities: Vec<Priority> =
            primary.iter().map(|_| Primary).chain(secondary.iter().map(|_| Secondary)).collect();
        score_verdicts(&priorities, &[primary, secondary].concat()).unwrap().psr
    };
    let of = |hold: usize, all: usize| -> Vec<bool> { (0..all).map(|index| index < hold).collect() };
    assert_eq!(psr(&[true, true], &[]), 1);
    assert_eq!(psr(&[true, false], &of(9, 9)), 0);
    assert_eq!(psr(&[true], &of(3, 5)), 0, "exactly 0.8");
    assert_eq!(psr(&[true], &of(4, 6)), 1);
    assert_eq!(psr(&[], &of(4, 5)), 0, "exactly 0.8");
    assert_eq!(psr(&[], &of(5, 6)), 1);
    // 61 of 101 is 0.604, so w = 0.802; rounded to 0.60 first, as the official code does, it would be 0.8.
    assert_eq!(psr(&[true], &of(61, 101)), 1);
    assert_eq!(score_verdicts(&[], &[]), None);
}

#[test]
fn failed_items_are_counted_and_not_averaged() {
    let score = |csr| Some(CfBenchScore { csr, isr: 0, psr: 1 });
    let items = [(Split::Easy, score(0.5)), (Split::Easy, None), (Split::Easy, score(0.25))];
    let summary = summarize(&items, Rounding::Exact);
    assert_eq!((summary.easy.n, summary.easy.n_failed), (2, 1));
    assert_eq!((summary.easy.csr, summary.easy.isr, summary.easy.psr), (Some(0.375), Some(0.0), Some(1.0)));
    assert_eq!((summary.hard.n, summary.hard.csr), (0, None));
    assert_eq!(summary.all, summary.easy);
    assert_eq!(summarize(&items, Rounding::Official).easy.csr, Some(0.38));
}

fn items(text: &str) -> Result<Vec<CfBenchItem>, CfBenchDataError> {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), text).unwrap();
    load_items(file.path())
}

const ITEM: &str = r#"{"idx": 7, "prompt": "p", "isanswer": "", "gold": "", "doamin": "d", "scenario": "s",
    "source": "x", "split": "hard", "criteria": [["a", "主需", "t", null], [" b ", "次需"]]}"#;

#[test]
fn items_are_read_with_their_criteria() {
    let read = items(&format!("[{ITEM}]")).unwrap();
    let criterion = |text: &str, priority, labels: &[&str]| Criterion {
        text: text.to_owned(),
        priority,
        labels: labels.iter().map(|&label| label.to_owned()).collect(),
    };
    assert_eq!(read[0].criteria, [criterion("a", Primary, &["t"]), criterion(" b ", Secondary, &[])]);
    assert_eq!((read[0].id, read[0].split, read[0].response.as_deref()), (7, Split::Hard, None));
}

#[test]
fn an_item_that_is_wrong_is_named() {
    let message = |text: &str| items(text).unwrap_err().to_string();
    assert!(message("{").contains("is not a JSON array"));
    assert!(message(&format!("[{ITEM}, {ITEM}]")).contains("item 1 of"));
    let changed = |from: &str, to: &str| message(&format!("[{}]", ITEM.replace(from, to)));
    assert!(changed("主需", "主要").contains("(idx 7): unknown variant `主要`"));
    assert!(changed("\"hard\"", "\"medium\"").contains("(idx 7)"));
    assert!(changed("[[\"a\", \"主需\", \"t\", null], [\" b \", \"次需\"]]", "[]").ends_with("no criteria"));
    assert!(matches!(load_items(Path::new("no/such/file")), Err(CfBenchDataError::Read { .. })));
}

#[test]
fn the_prompt_shows_what_is_judged_and_its_example_parses() {
    let prompt = CfBenchPrompt::load(None).unwrap();
    let item = &items(&format!("[{ITEM}]")).unwrap()[0];
    let text = prompt.render(item, "{criteria} the answer");
    assert!(text.contains("{criteria} the answer") && text.contains("a\n\n b "));
    let example = text.split("[评估结果]\n").nth(1).unwrap().split("\n\n[正文]").next().unwrap();
    assert_eq!(parse_verdicts(example, &["只有两句话", "没有提到杭州"]).unwrap(), [true, false]);
}

proptest! {
    #[test]
    fn no_answer_makes_a_parser_panic(
        answer in r"(?:[a-c]|\t|\n|\r|0|1|\.|。|\\t|nan|１|-|e9| ){0,40}",
        any in any::<String>(),
        criteria in prop::collection::vec("[a-c]{0,2}", 0..4),
    ) {
        for text in [&answer, &any] {
            let _ = parse_verdicts(text, &criteria);
            let pairs: Vec<(&str, &str)> = criteria.iter().map(|text| (text.as_str(), "次需")).collect();
            if let Ok(judged) = official_judgement(text, &pairs) {
                prop_assert!((0.0..=1.0).contains(&judged.score.csr));
            }
        }
    }

    #[test]
    fn what_is_written_is_read(verdicts in prop::collection::vec((any::<bool>(), "[a-z 你好\n]{0,6}[a-z你好][ \n]?"), 1..8)) {
        let lines: Vec<String> = verdicts.iter().map(|(holds, text)| format!("{text}\t{}", u8::from(*holds))).collect();
        let criteria: Vec<&str> = verdicts.iter().map(|(_, text)| text.as_str()).collect();
        let read = parse_verdicts(&lines.join("\n\n"), &criteria).unwrap();
        prop_assert_eq!(read, verdicts.iter().map(|(holds, _)| *holds).collect::<Vec<_>>());
    }

    #[test]
    fn more_satisfied_criteria_never_lower_a_rate(
        verdicts in prop::collection::vec((any::<bool>(), any::<bool>()), 1..12), place in 0_usize..12,
    ) {
        let priorities: Vec<Priority> =
            verdicts.iter().map(|&(primary, _)| if primary { Primary } else { Secondary }).collect();
        let before: Vec<bool> = verdicts.iter().map(|&(_, holds)| holds).collect();
        let mut after = before.clone();
        let place = place % after.len();
        after[place] = true;
        let (before, after) = (score_verdicts(&priorities, &before).unwrap(), score_verdicts(&priorities, &after).unwrap());
        prop_assert!(before.csr <= after.csr && before.isr <= after.isr && before.psr <= after.psr);
        prop_assert!(after.isr <= after.psr, "a response with every criterion has every priority");
    }
}

#[test]
fn long_answers_take_little_time() {
    let text = "a\t1\n".repeat(200_000) + &"1".repeat(1_000_000);
    assert!(parse_verdicts(&text, &["a", "b"]).is_err());
    assert!(official_judgement(&text, &[("a", "主需")]).is_ok());
    assert!(official_judgement(&format!("a\t{}", "1".repeat(1_000_000)), &[("a", "主需")]).is_ok());
}
