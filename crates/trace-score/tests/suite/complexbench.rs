//! ComplexBench against recordings of its official program, and without its quirks against what it promises.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use trace_replay::complexbench::replay;
use trace_score::DataError;
use trace_score::complexbench::{
    ComplexBenchPrompts, ComplexBenchQuirks, JudgedItem, JudgedQuestion, Rule,
    Verdict::{self, Fails, Holds, Missing, Unknown},
    apply_dependencies, extract_objects, load_items, load_responses, parse_answer, statistics,
};

use crate::common::recording;

const OFFICIAL: ComplexBenchQuirks = ComplexBenchQuirks::official();
const NONE: ComplexBenchQuirks = ComplexBenchQuirks::none();

#[test]
fn every_recorded_row_agrees() {
    for name in [
        "complexbench_rule_golden.jsonl",
        "complexbench_extract_golden.jsonl",
        "complexbench_judge_parse_golden.jsonl",
        "complexbench_dependency_golden.json",
        "complexbench_aggregate_golden.json",
    ] {
        let Some(path) = recording(name) else { continue };
        let report = replay(&path).unwrap();
        assert!(report.passed(), "{name}\n{report}");
    }
}

#[test]
fn changed_recordings_disagree() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("recording.json");
    for text in [
        r#"[{"rule": "length:[1,2]", "objects": ["abc"], "verdict": true}]"#,
        r#"[{"rule": "length:[1,2]", "objects": ["\n"], "error": "ValueError", "message": ""}]"#,
        r#"[{"output": "o", "extraction": "all", "decompose": "all", "objects": ["p"]}]"#,
        r#"[{"generation": "答案：是", "judge": false}]"#,
        r#"[{"deps": [[], [0]], "point_judges": [false, true], "point_judges_rely": [false, true]}]"#,
        r#"[{"deps": [[5]], "point_judges": [true], "point_judges_rely": [true]}]"#,
        r#"[{"data": [], "statistics": {"overall_drfr": 1.0}}]"#,
    ] {
        fs::write(&path, text).unwrap();
        assert!(!replay(&path).unwrap().passed(), "{text}");
    }
    fs::write(&path, r#"[{"data": [], "statistics": {"error": "ZeroDivisionError"}}]"#).unwrap();
    assert!(replay(&path).unwrap().passed());
}

fn official(rule: &str, objects: &[&str]) -> Result<Verdict, &'static str> {
    Rule::parse(rule, OFFICIAL).unwrap().verdict(objects).map_err(|error| error.python_name())
}

/// Cases worked out by hand from the official rules; the recorded file has none of these rules or objects.
#[test]
fn official_rules_keep_their_errors() {
    for (rule, objects, expected) in [
        ("length:[1,5]", &["\n\n"][..], Err("IndexError")),
        ("no such rule", &["\n"], Err("IndexError")),
        ("keyword:[a]", &["\n\na"], Ok(Holds)),
        ("model_length:[1,5]", &["\n\n"], Err("IndexError")),
        ("model_length_each:[1,5]", &["too long a text", "\n\n\n\n\n\n"], Err("IndexError")),
        ("model_length_each:[1,5]", &["ab", "\n\n"], Ok(Holds)),
        ("model_length:[4]", &["abc"], Ok(Fails)),
        ("model_length:[3]", &["abc"], Err("IndexError")),
        ("model_length:[a,b]", &["abc"], Err("NameError")),
        ("model_length:[1;b]", &["abc"], Err("SyntaxError")),
        ("model_length:['1',2]", &["abc"], Err("TypeError")),
        ("model_length:[1,2]x", &["abc"], Err("IndexError")),
        ("model_keyword_num:[x,1,a]", &["a"], Err("ValueError")),
        ("model_keyword_num:[1,1,a,b]", &["a,"], Ok(Holds)),
        ("model_keyword_num_each:x", &["a"], Err("AttributeError")),
        ("model_startswith:a\nmodel_endswith", &["a"], Err("AttributeError")),
        ("keyword:[teach]", &["teach"], Ok(Unknown)),
        ("model_endswith_each:a", &["a", "b"], Ok(Holds)),
        ("model_endswith_each:a", &["b"], Ok(Fails)),
        ("model_endswith:a", &["a？"], Ok(Holds)),
        ("model_endswith:a", &["a!"], Ok(Fails)),
        ("endswith:好.", &["你好。"], Ok(Holds)),
        ("model_keyword:[a,]", &["a"], Ok(Holds)),
        ("model_keyword:[，]", &["a,b"], Ok(Fails)),
        ("model_keyword_each:[，]", &["a,b"], Ok(Holds)),
        ("model_forbidden_word:[x]", &[], Ok(Holds)),
        ("model_keyword:[x]", &[""], Ok(Fails)),
        ("model_keyword_each:", &["", ""], Ok(Holds)),
        ("Json:[\"a\"]", &["text {\"a\": NaN} text"], Ok(Holds)),
        ("Json:[]", &["[1, {\"a\": 1}]"], Ok(Holds)),
        ("length:[1,5]\n", &["abc"], Ok(Holds)),
        ("length_word:[2,2]", &["a\u{1c}b"], Ok(Holds)),
        ("match:a", &["“a。”"], Ok(Holds)),
    ] {
        assert_eq!(official(rule, objects), expected, "{rule:?} {objects:?}");
    }
}

fn holds(rule: &str, objects: &[impl AsRef<str>]) -> bool {
    Rule::parse(rule, NONE).unwrap().verdict(objects).unwrap() == Holds
}

#[test]
fn rules_mean_what_they_say() {
    for (rule, objects, expected) in [
        ("keyword:[a]\nforbidden_word:[b]", &["a c"][..], true),
        ("keyword:[a]\nforbidden_word:[b]", &["a b"], false),
        ("keyword:[teach]", &["teach me"], true),
        ("model_keyword:[，]", &["a,b"], true),
        ("model_endswith_each:a", &["a", "b"], false),
        ("model_endswith:a", &["a?"], true),
        ("endswith:结束", &["生成结束！"], true),
        ("not endswith:结束", &["“生成结束”"], false),
        ("model_not_endswith_each:结束", &[], true),
        ("startswith:\"你好", &["“你好，世界”"], true),
        ("length:[2,2]", &["“你好”"], true),
        ("length:[1,5]", &["\n\n"], false),
        ("length:[1, float('inf')]", &["a long text"], true),
        ("model_length_word_each:[2,3]", &["two words", "", "three more words"], true),
        ("model_number_each:[2,2]", &["a", "", "b"], true),
        ("model_keyword_num_each:[1,1,A,B]\nmodel_forbidden_word_each:[C]", &["A x", "B y"], true),
        ("model_keyword_num_each:[1,1,A,B]\nmodel_forbidden_word_each:[C]", &["A x", "B C"], false),
        ("model_starts_with_list_each:[1.,2.]", &["1. a", "2. b"], true),
        ("model_starts_with_list_each:[1.,2.]", &["1. a"], false),
        ("startswith:a\nb", &["a\nb c"], true),
        ("Json:['a']", &["{\"a\": \"}\"}"], true),
        ("Json:['a']", &["{\"a\": 1, \"b\": 2}"], false),
        ("constraint_punc:[，,。]", &["甲, 乙."], true),
        ("constraint_punc:[，]", &["甲, 乙!"], false),
        ("match:你好,世界", &["你好，世界。"], true),
        ("keyword:[a]", &["None"], false),
        ("keyword:[a]", &["None of a"], true),
    ] {
        assert_eq!(holds(rule, objects), expected, "{rule:?} {objects:?}");
    }
}

#[test]
fn what_is_no_rule_is_an_error() {
    for rule in ["", "model_unknown:[1]", "each:[1]", "keyword", "你好"] {
        let error = Rule::parse(rule, NONE).unwrap_err().to_string();
        assert!(error.ends_with("is not a known rule"), "{rule}: {error}");
    }
    for rule in [
        "length:[1]",
        "length:[a,b]",
        "length:__import__('os')",
        "model_keyword_num:[1]",
        "Json:[1]",
        "length:[1,2,3]",
    ] {
        let error = Rule::parse(rule, NONE).unwrap_err().to_string();
        assert!(error.starts_with("the argument "), "{rule}: {error}");
    }
}

#[test]
fn extractions_are_read_both_ways() {
    let both = |answer: &str| {
        let of = |quirks| extract_objects("out", answer, quirks).objects;
        (of(OFFICIAL), of(NONE))
    };
    let texts = |objects: &[&str]| objects.iter().map(|&object| object.to_owned()).collect::<Vec<_>>();
    assert_eq!(both("评分对象：allowed"), (texts(&["out"]), texts(&["allowed"])));
    assert_eq!(both("评分对象：Nonetheless"), (texts(&[]), texts(&["Nonetheless"])));
    assert_eq!(both("他说：你好"), (texts(&["你好"]), texts(&["他说：你好"])));
    assert_eq!(both("评分对象:a||b"), (texts(&["评分对象:a", "b"]), texts(&["a", "b"])));
    assert_eq!(both("评分对象：a||"), (texts(&["a", ""]), texts(&["a"])));
    assert_eq!(both("评分对象：None。"), (texts(&[]), texts(&[])));
}

#[test]
fn answers_are_read_both_ways() {
    for (answer, officially, ours) in [
        ("分析……\n答案：是", true, Some(true)),
        ("答案：否。", false, Some(false)),
        ("**答案：** 是", true, Some(true)),
        ("答案: 否", false, Some(false)),
        ("是", true, Some(true)),
        ("否。", false, Some(false)),
        ("答案：不是", true, Some(false)),
        ("答案：是/否", true, None),
        ("答案：否\n更正，答案：是", false, Some(true)),
        ("这是对的", true, None),
        ("yes", false, None),
        ("", false, None),
    ] {
        assert_eq!(parse_answer(answer, OFFICIAL), Ok(officially), "{answer}");
        assert_eq!(parse_answer(answer, NONE).ok(), ours, "{answer}");
    }
    let message = |answer: &str| parse_answer(answer, NONE).unwrap_err().to_string();
    assert_eq!(message("答案：是/否"), "after 答案 stands \"是/否\", neither 是 nor 否");
    assert!(message("yes").starts_with("found no 答案"));
}

#[test]
fn dependencies_reach_as_far_as_they_should() {
    let apply = |verdicts: &[Verdict], dependencies: &[Vec<i64>], quirks| {
        apply_dependencies(verdicts, dependencies, quirks)
    };
    let chain = [vec![], vec![0], vec![1]];
    let missing = [Missing, Holds, Fails];
    assert_eq!(apply(&missing, &chain, OFFICIAL).unwrap(), missing);
    assert_eq!(apply(&missing, &chain, NONE).unwrap(), [Missing, Missing, Fails]);
    assert_eq!(apply(&[Unknown, Holds, Holds], &chain, NONE).unwrap(), [Unknown, Missing, Missing]);
    let circle = [vec![1], vec![0]];
    assert_eq!(apply(&[Holds, Holds], &circle, NONE).unwrap(), [Holds, Holds]);
    assert_eq!(apply(&[Fails, Holds], &circle, NONE).unwrap(), [Fails, Fails]);
    assert_eq!(apply(&[Holds, Fails], &[vec![-1], vec![]], OFFICIAL).unwrap(), [Fails, Fails]);
    let message =
        |verdicts, dependencies: &[_]| apply(verdicts, dependencies, OFFICIAL).unwrap_err().to_string();
    let outside = message(&[Holds, Holds], &[vec![2], vec![]]);
    assert_eq!(outside, "question 0 rests on question 2, but there are 2");
    assert_eq!(message(&[Holds, Holds], &[vec![]]), "2 verdicts for 1 questions");
}

fn item(group: &str, verdicts: &[Verdict]) -> JudgedItem {
    let question = |&verdict| JudgedQuestion {
        constraint_dimensions: vec!["Length".to_owned()],
        composition_types: Vec::new(),
        verdict,
    };
    let mut item = JudgedItem {
        group: group.to_owned(),
        task_type: "Practical Writing".to_owned(),
        composition_types: vec!["Selection".to_owned(), "And".to_owned()],
        category: "Selection_1".to_owned(),
        questions: verdicts.iter().map(question).collect(),
    };
    item.questions[0].composition_types.push("Selection".to_owned());
    item
}

#[test]
fn an_item_without_questions_is_listed_by_the_official_program_alone() {
    let empty = JudgedItem { category: "Chain_1".to_owned(), questions: Vec::new(), ..item("b", &[Holds]) };
    let items = [item("a", &[Holds, Fails]), empty];
    assert!(!statistics(&items, NONE).categories.contains_key("Chain_1"));
    assert_eq!(statistics(&items, OFFICIAL).categories["Chain_1"].n, 0);
}

#[test]
fn questions_without_a_verdict_are_counted_apart() {
    let items = [item("a", &[Holds, Fails]), item("a", &[Holds, Holds]), item("b", &[Holds, Missing])];
    let result = statistics(&items, NONE);
    assert_eq!((result.overall.n, result.overall.n_failed, result.overall.rate), (5, 1, Some(0.8)));
    assert_eq!(result.dimension_groups["Structure"], result.overall);
    assert_eq!(result.dimensions["Selection"].rate, Some(1.0));
    assert_eq!(result.combinations["And_Selection"], result.overall);
    assert_eq!(result.category_prefixes["Selection"], result.overall);
    let single = result.single_selection;
    assert_eq!((single.items, single.groups, single.items_failed), (2, 1, 1));
    assert_eq!((single.origin, single.coherent, single.relative_drop), (Some(0.5), Some(0.0), Some(1.0)));
    assert_eq!(result.multiple_selection.origin, None);
    assert_eq!(result.official_names(), None, "no group with several selections");
    assert_eq!(statistics(&[], NONE).overall.rate, None);
    let official = statistics(&items, OFFICIAL);
    assert_eq!((official.overall.n, official.overall.n_failed), (6, 0));
    assert_eq!((official.single_selection.items, official.single_selection.origin), (3, Some(2.0 / 3.0)));
    let unknown = [item("a", &[Holds, Unknown])];
    assert_eq!(statistics(&unknown, OFFICIAL).overall.rate, Some(0.5));
    assert_eq!(statistics(&unknown, OFFICIAL).dimensions["Length"].rate, Some(1.0));
}

fn read(text: &str) -> Result<usize, DataError> {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), text).unwrap();
    load_items(file.path()).map(|items| items.len())
}

const ITEM: &str = r#"{"main_id": 5, "group": "g", "idx_in_group": 0, "instruction": "i", "instruction_en": "",
    "task_types": "t", "constraint_dimensions": [], "composition_types": ["And"], "category": "And_1",
    "scoring_questions": [{"point_id": 0, "question": "q", "question_en": "", "rule": null,
    "constraint_dimensions": [], "composition_types": [], "dep": []}]}"#;

#[test]
fn an_item_that_is_wrong_is_named() {
    assert_eq!(read(&format!("[{ITEM}]")).unwrap(), 1);
    let message = |text: &str| read(text).unwrap_err().to_string();
    assert!(message(&format!("[{ITEM}, {ITEM}]")).contains("item 1 of"));
    let changed = |from: &str, to: &str| message(&format!("[{}]", ITEM.replace(from, to)));
    assert!(changed("\"dep\": []", "\"dep\": [1]").contains("(main_id 5): question 0 rests on question 1"));
    assert!(
        changed("\"point_id\": 0", "\"point_id\": 3").contains("(main_id 5): question 0 has the point_id 3")
    );
    assert!(changed("\"task_types\": \"t\"", "\"task_types\": []").contains("(main_id 5): invalid type"));
    assert!(message("{}").contains("not a JSON array"));
    assert!(matches!(load_items(Path::new("no/such/file")), Err(DataError::File { .. })));
}

#[test]
fn responses_are_as_many_as_items() {
    let folder = tempfile::tempdir().unwrap();
    let (data, answers) = (folder.path().join("data.json"), folder.path().join("answers.jsonl"));
    fs::write(&data, format!("[{ITEM}, {}]", ITEM.replace("\"main_id\": 5", "\"main_id\": 6"))).unwrap();
    let items = load_items(&data).unwrap();
    let load = |text: &str| {
        fs::write(&answers, text).unwrap();
        load_responses(&answers, &items)
    };
    let read = load("{\"generated\": \"a\", \"x\": 1}\n{\"generated\": null}\n").unwrap();
    assert_eq!(read, [Some("a".to_owned()), None]);
    let message = |text: &str| load(text).unwrap_err().to_string();
    assert!(message("{\"generated\": \"a\"}").ends_with("1 responses for 2 items"));
    assert!(message("{\"generated\": \"a\"}\n{}").starts_with("line 2 of "));
}

#[test]
fn the_published_example_is_read_and_its_rules_parse() {
    let Some(path) = recording("complexbench_readme_example.json") else { return };
    let items = load_items(&path).unwrap();
    assert_eq!((items[0].main_id, items[0].scoring_questions.len()), (899, 9));
    let rules: Vec<&str> =
        items[0].scoring_questions.iter().filter_map(|question| question.rule.as_deref()).collect();
    assert_eq!(rules, ["model_length:[300,10000]", "model_length:[1,100]"]);
    let holds = |rule: &str, length: usize| holds(rule, &["字".repeat(length)]);
    assert!(holds(rules[0], 300) && !holds(rules[0], 299) && holds(rules[1], 100) && !holds(rules[1], 101));
    let prompts = ComplexBenchPrompts::load(None).unwrap();
    let prompt = |point: usize| prompts.render(&items[0], &items[0].scoring_questions[point], "{question}");
    assert!(prompt(0).contains("答案：是") && prompt(0).contains("\n{question}\n"));
    assert!(prompt(4).contains("评分对象") && prompt(4).contains(&items[0].scoring_questions[4].question));
}

const PIECES: &str = r#"(?:model_|keyword|_num|_each|forbidden_word|starts|ends|with|not |length|_word|match|Json|constraint_punc|number|:|\[|\]|,|\n|1|2|a|"|'|\{|\}|None|“|”|。|\.|-|\(|\)|float|inf| ){0,14}"#;

proptest! {
    #[test]
    fn no_rule_and_no_object_makes_an_evaluator_panic(
        rule in PIECES, any in any::<String>(), objects in prop::collection::vec(PIECES, 0..4),
    ) {
        for rule in [&rule, &any] {
            prop_assert!(Rule::parse(rule, OFFICIAL).is_ok());
            for rule in [OFFICIAL, NONE].map(|quirks| Rule::parse(rule, quirks)).into_iter().flatten() {
                let _ = rule.verdict(&objects);
            }
        }
    }

    #[test]
    fn no_answer_makes_a_parser_panic(answer in r"(?:答案|评分对象|评测对象|：|:|是|否|不|\*|\n\n注意|\|\||all|None|a| ){0,12}", any in any::<String>()) {
        for text in [&answer, &any] {
            let _ = [OFFICIAL, NONE].map(|quirks| parse_answer(text, quirks));
            prop_assert!(extract_objects("out", text, NONE).objects.iter().all(|object| !object.trim().is_empty()));
            prop_assert!(text.contains(&extract_objects("out", text, OFFICIAL).part));
        }
    }

    #[test]
    fn dependencies_only_take_away(
        verdicts in prop::collection::vec(prop::sample::select(vec![Holds, Fails, Unknown, Missing]), 1..8),
        edges in prop::collection::vec(prop::collection::vec(0_i64..8, 0..3), 8),
    ) {
        let count = verdicts.len() as i64;
        let edges: Vec<Vec<i64>> =
            edges.iter().take(verdicts.len()).map(|deps| deps.iter().map(|dep| dep % count).collect()).collect();
        let direct = apply_dependencies(&verdicts, &edges, OFFICIAL).unwrap();
        let transitive = apply_dependencies(&verdicts, &edges, NONE).unwrap();
        for place in 0..verdicts.len() {
            prop_assert!(direct[place] == verdicts[place] || direct[place] == Fails);
            prop_assert!(direct[place] != Fails || transitive[place] == Fails);
            prop_assert!(transitive[place] != Holds || verdicts[place] == Holds);
        }
        let again = apply_dependencies(&transitive, &edges, NONE).unwrap();
        prop_assert_eq!(again, transitive);
    }

    #[test]
    fn both_statistics_agree_where_every_question_has_a_verdict(
        verdicts in prop::collection::vec(prop::collection::vec(prop::bool::weighted(0.9), 2..4), 4..12),
    ) {
        let mut items: Vec<JudgedItem> = verdicts.iter().enumerate().map(|(index, verdicts)| {
            let verdicts: Vec<Verdict> = verdicts.iter().map(|&holds| Verdict::from(holds)).collect();
            item(&format!("g{}", index / 2), &verdicts)
        }).collect();
        for item in &mut items[..4] {
            item.questions[1].composition_types.push("Selection".to_owned());
        }
        prop_assert_eq!(statistics(&items, NONE), statistics(&items, OFFICIAL));
    }
}

#[test]
fn hostile_rules_and_objects_take_little_time() {
    let deep = "[".repeat(10_000);
    let objects = ["{".repeat(10_000), "{\"a\":".repeat(4_000), "}{".repeat(10_000)];
    for rule in [
        format!("length:{deep}]"),
        format!("Json:{deep}]"),
        format!("keyword:{}", "[a,".repeat(10_000)),
        "Json:[]".to_owned(),
    ] {
        for object in &objects {
            for rule in [OFFICIAL, NONE].map(|quirks| Rule::parse(&rule, quirks)).into_iter().flatten() {
                let _ = rule.verdict(std::slice::from_ref(object));
            }
        }
    }
    let long: Vec<Vec<i64>> =
        (0..100_000).map(|question| if question == 0 { vec![] } else { vec![question - 1] }).collect();
    let verdicts: Vec<Verdict> = (0..100_000).map(|question| Verdict::from(question > 0)).collect();
    let result = apply_dependencies(&verdicts, &long, NONE).unwrap();
    assert!(result.iter().all(|&verdict| verdict == Fails));
}
