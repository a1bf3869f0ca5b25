//! CFBench against recordings of its official program, and without its quirks against its definitions.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use trace_replay::cfbench::replay;
use trace_score::DataError;
use trace_score::cfbench::{
    CfBenchItem, CfBenchJudgeError, CfBenchJudgement, CfBenchPrompt, CfBenchQuirks, CfBenchScore, Criterion,
    ParseStatus,
    Priority::{self, Primary, Secondary},
    Split, judge_answer, load_items, score_verdicts, summarize,
};

use crate::common::recording;

const OFFICIAL: CfBenchQuirks = CfBenchQuirks::official();
const NONE: CfBenchQuirks = CfBenchQuirks::none();

/// Secondary criteria, but for the first, which is primary.
fn criteria(texts: &[impl AsRef<str>]) -> Vec<Criterion> {
    let criterion = |(place, text): (usize, &_)| Criterion {
        text: AsRef::<str>::as_ref(text).to_owned(),
        priority: if place == 0 { Primary } else { Secondary },
        labels: Vec::new(),
    };
    texts.iter().enumerate().map(criterion).collect()
}

fn judge(
    answer: &str,
    texts: &[impl AsRef<str>],
    quirks: CfBenchQuirks,
) -> Result<CfBenchJudgement, CfBenchJudgeError> {
    judge_answer(answer, &criteria(texts), quirks)
}

/// The verdicts that are read without quirks.
fn verdicts(answer: &str, texts: &[impl AsRef<str>]) -> Result<Vec<bool>, CfBenchJudgeError> {
    judge(answer, texts, NONE).map(|judged| judged.scores.iter().map(|score| score == "1").collect())
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
        replay(&path).unwrap_err().to_string()
    };
    assert!(error("").ends_with("has no rows"));
    assert!(error("{\"a\": 1}").contains("known are judge_response"));
    assert!(error("{\"k\": 1, \"n\": 2}\n{").starts_with("row 2 of "));
    assert!(error("{\"k\": 1, \"n\": 2}").ends_with("not a row of this layout"));
    let summaries = r#"{"subset": "all", "rows": 0, "scores": {}}"#;
    assert!(error(summaries).contains("no recorded rows"));
    assert!(replay(folder.path()).unwrap_err().to_string().starts_with("cannot read"));
}

#[test]
fn the_official_fallback_makes_a_perfect_score_of_one_line() {
    let texts = ["c0", "c1", "c2"];
    let judged = judge("c0\t0\nc1\t1\nc2\t0", &texts, OFFICIAL).unwrap();
    assert_eq!(judged.status, ParseStatus::OnesOnly);
    assert_eq!(judged.score, CfBenchScore { csr: 1.0, isr: 1, psr: 1 });
    assert_eq!(verdicts("c0\t0\nc1\t1\nc2\t0", &texts).unwrap(), [false, true, false]);
    let strict = CfBenchQuirks { ones_only: false, ..OFFICIAL };
    assert!(judge("c0\t0\nc1\t1\nc2\t0", &texts, strict).is_err());
}

#[test]
fn both_readings_agree_where_the_judge_keeps_to_the_format() {
    let texts = ["c0", "c1", "c2"];
    for bits in 0..8_u8 {
        let lines = (0..3).map(|bit| format!("{}\t{}", texts[bit], bits >> bit & 1));
        let answer = lines.collect::<Vec<_>>().join("\n\n");
        let official = judge(&answer, &texts, OFFICIAL).unwrap();
        let ours = judge(&answer, &texts, NONE).unwrap();
        assert_eq!((official.status, &official.scores), (ours.status, &ours.scores));
        assert!((official.score.csr - ours.score.csr).abs() < 0.005);
        assert_eq!((official.score.isr, official.score.psr), (ours.score.isr, ours.score.psr));
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
        assert_eq!(verdicts(answer, &criteria).unwrap(), [true, false], "{answer:?}");
    }
}

#[test]
fn an_error_says_where_an_answer_is_wrong() {
    let error = |answer: &str| verdicts(answer, &["a", "b"]).unwrap_err().to_string();
    assert_eq!(error("a\t1"), "the answer does not have criterion 1 in its place");
    assert_eq!(error("b\t1\n\na\t0"), "the answer does not have criterion 0 in its place");
    assert_eq!(error("Here: a\t1\n\nb\t0"), "the answer does not have criterion 0 in its place");
    for (answer, found) in
        [("a\t2\n\nb\t0", "2"), ("a1\n\nb\t0", "1"), ("a\t\n\nb\t0", "b\t0"), ("a\t1 yes\nb\t0", "1 yes")]
    {
        assert_eq!(error(answer), format!("the score of criterion 0 is {found:?}, not 0 or 1"));
    }
    assert_eq!(error("a\t1\nb\t1\nc\t1"), "text follows the last score: \"c\\t1\"");
    assert_eq!(judge_answer("", &[], NONE).unwrap_err().to_string(), "there are no criteria");
}

#[test]
fn psr_asks_for_all_primary_and_more_than_four_fifths() {
    let psr = |primary: &[bool], secondary: &[bool]| {
        let priorities: Vec<Priority> =
            primary.iter().map(|_| Primary).chain(secondary.iter().map(|_| Secondary)).collect();
        score_verdicts(&priorities, &[primary, secondary].concat(), NONE).unwrap().psr
    };
    let of = |hold: usize, all: usize| -> Vec<bool> { (0..all).map(|index| index < hold).collect() };
    assert_eq!(psr(&[true, true], &[]), 1);
    assert_eq!(psr(&[true, false], &of(9, 9)), 0);
    assert_eq!(psr(&[true], &of(3, 5)), 0, "exactly 0.8");
    assert_eq!(psr(&[true], &of(4, 6)), 1);
    assert_eq!(psr(&[], &of(4, 5)), 0, "exactly 0.8");
    assert_eq!(psr(&[], &of(5, 6)), 1);
    // 61 of 101 is 0.604, so w = 0.802; rounded to 0.60 first, as the official program does, it is 0.8.
    assert_eq!(psr(&[true], &of(61, 101)), 1);
    let priorities = [vec![Primary], vec![Secondary; 101]].concat();
    let rounded = score_verdicts(&priorities, &[vec![true], of(61, 101)].concat(), OFFICIAL).unwrap();
    assert_eq!(rounded.psr, 0);
    assert_eq!(score_verdicts(&[], &[], NONE), None);
}

#[test]
fn failed_items_are_counted_and_not_averaged() {
    let score = |csr| Some(CfBenchScore { csr, isr: 0, psr: 1 });
    let items = [(Split::Easy, score(0.5)), (Split::Easy, None), (Split::Easy, score(0.25))];
    let summary = summarize(&items, NONE);
    assert_eq!((summary.easy.n, summary.easy.n_failed), (2, 1));
    assert_eq!((summary.easy.csr, summary.easy.isr, summary.easy.psr), (Some(0.375), Some(0.0), Some(1.0)));
    assert_eq!((summary.hard.n, summary.hard.csr), (0, None));
    assert_eq!(summary.all, summary.easy);
    assert_eq!(summarize(&items, OFFICIAL).easy.csr, Some(0.38));
}

fn items(text: &str) -> Result<Vec<CfBenchItem>, DataError> {
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
fn a_copy_is_read_as_python_and_notepad_write_it_and_other_files_are_named() {
    let changed = ITEM.replacen("\"idx\": 7", "\"idx\": 7.0, \"extra\": NaN", 1);
    assert_ne!(changed, ITEM);
    assert_eq!(items(&format!("\u{feff}[{changed}]")).unwrap()[0].id, 7);
    let cause = |text: &str| {
        let error = items(text).unwrap_err();
        format!("{error} {}", std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default())
    };
    for (text, kind) in [
        ("version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a Git LFS pointer"),
        ("idx,prompt\n1,a\n", "a table, CSV or alike"),
        ("[{'idx': 7}]", "Python's spelling"),
        (&format!("{ITEM}\n{ITEM}\n"), "is it JSONL?"),
    ] {
        assert!(cause(text).contains(kind), "{}", cause(text));
    }
    let long = cause(&format!("[{}]", ITEM.replace("主需", &"x".repeat(1_000_000))));
    assert!(long.len() < 1000, "{} bytes", long.len());
    #[cfg(unix)]
    assert!(matches!(load_items(Path::new("/dev/zero")), Err(DataError::File { .. })));
}

#[test]
fn an_item_that_is_wrong_is_named() {
    let message = |text: &str| items(text).unwrap_err().to_string();
    assert!(message("{").contains("not a JSON array"));
    assert!(message(&format!("[{ITEM}, {ITEM}]")).contains("item 1 of"));
    let changed = |from: &str, to: &str| message(&format!("[{}]", ITEM.replace(from, to)));
    assert!(changed("主需", "主要").contains("(idx 7): unknown variant `主要`"));
    assert!(changed("\"hard\"", "\"medium\"").contains("(idx 7)"));
    assert!(changed("[[\"a\", \"主需\", \"t\", null], [\" b \", \"次需\"]]", "[]").ends_with("no criteria"));
    assert!(matches!(load_items(Path::new("no/such/file")), Err(DataError::File { .. })));
}

#[test]
fn the_prompt_shows_what_is_judged_and_its_example_parses() {
    let prompt = CfBenchPrompt::load(None).unwrap();
    let item = &items(&format!("[{ITEM}]")).unwrap()[0];
    let text = prompt.render(item, "{criteria} the answer");
    assert!(text.contains("{criteria} the answer") && text.contains("a\n\n b "));
    let example = text.split("[评估结果]\n").nth(1).unwrap().split("\n\n[正文]").next().unwrap();
    assert_eq!(verdicts(example, &["只有两句话", "没有提到杭州"]).unwrap(), [true, false]);
}

proptest! {
    #[test]
    fn no_answer_makes_a_parser_panic(
        answer in r"(?:[a-c]|\t|\n|\r|0|1|\.|。|\\t|nan|１|-|e9| ){0,40}",
        any in any::<String>(),
        criteria in prop::collection::vec("[a-c]{0,2}", 0..4),
    ) {
        for text in [&answer, &any] {
            for judged in [NONE, OFFICIAL].map(|quirks| judge(text, &criteria, quirks)).into_iter().flatten() {
                prop_assert!((0.0..=1.0).contains(&judged.score.csr));
            }
        }
    }

    #[test]
    fn what_is_written_is_read(written in prop::collection::vec((any::<bool>(), "[a-z 你好\n]{0,6}[a-z你好][ \n]?"), 1..8)) {
        let lines: Vec<String> = written.iter().map(|(holds, text)| format!("{text}\t{}", u8::from(*holds))).collect();
        let criteria: Vec<&str> = written.iter().map(|(_, text)| text.as_str()).collect();
        let read = verdicts(&lines.join("\n\n"), &criteria).unwrap();
        prop_assert_eq!(read, written.iter().map(|(holds, _)| *holds).collect::<Vec<_>>());
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
        let (before, after) = (score_verdicts(&priorities, &before, NONE).unwrap(), score_verdicts(&priorities, &after, NONE).unwrap());
        prop_assert!(before.csr <= after.csr && before.isr <= after.isr && before.psr <= after.psr);
        prop_assert!(after.isr <= after.psr, "a response with every criterion has every priority");
    }
}

#[test]
fn long_answers_take_little_time() {
    let text = "a\t1\n".repeat(200_000) + &"1".repeat(1_000_000);
    assert!(verdicts(&text, &["a", "b"]).is_err());
    assert!(judge(&text, &["a"], OFFICIAL).is_ok());
    assert!(judge(&format!("a\t{}", "1".repeat(1_000_000)), &["a"], OFFICIAL).is_ok());
}
