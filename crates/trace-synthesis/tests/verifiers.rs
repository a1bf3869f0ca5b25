//! Every verifier: what it accepts, and what it alone rejects.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod common;

use std::collections::BTreeSet;

use trace_schema::{ConstraintDimension, ConstraintType};
use trace_synthesis::world::{Background, DIMENSIONS, Habit};

use crate::common::{fruits, rule};

/// One constraint with responses that satisfy everything, and responses that violate it and nothing else.
struct Case {
    rule: &'static str,
    accepted: &'static [&'static str],
    rejected: &'static [&'static str],
}

const PLAIN: &str = "apple, fig, pear";

#[rustfmt::skip]
const CASES: &[Case] = &[
    Case { rule: r#"{"theme": "red_fruits"}"#,
        accepted: &["apple, cherry, plum", "strawberry, raspberry, apple"],
        rejected: &["apple, cherry, pear", "fig, pear, lemon"] },
    Case { rule: r#"{"theme": "tree_fruits"}"#,
        accepted: &["apple, fig, pear"], rejected: &["apple, fig, raspberry"] },
    Case { rule: r#"{"exclusion": ["fig"]}"#,
        accepted: &["apple, pear, plum"], rejected: &["apple, fig, pear", "fig, pear, plum"] },
    Case { rule: r#"{"exclusion": ["fig", "plum"]}"#,
        accepted: &["apple, pear, lemon"], rejected: &["apple, fig, pear", "apple, pear, plum", "fig, pear, plum"] },
    Case { rule: r#"{"inclusion": ["fig"]}"#,
        accepted: &[PLAIN, "fig, pear, plum"], rejected: &["apple, pear, plum"] },
    Case { rule: r#"{"inclusion": ["fig", "plum"]}"#,
        accepted: &["fig, pear, plum"], rejected: &["apple, fig, pear", "apple, pear, plum", "apple, pear, lemon"] },
    Case { rule: r#"{"numerical": {"bound": "exactly", "count": 2}}"#,
        accepted: &["apple, fig"], rejected: &["apple", PLAIN] },
    Case { rule: r#"{"numerical": {"bound": "exactly", "count": 4}}"#,
        accepted: &["apple, fig, pear, plum"], rejected: &[PLAIN, "apple, fig, lemon, pear, plum"] },
    Case { rule: r#"{"numerical": {"bound": "at_least", "count": 4}}"#,
        accepted: &["apple, fig, pear, plum", "apple, fig, lemon, pear, plum"], rejected: &[PLAIN, "apple"] },
    Case { rule: r#"{"numerical": {"bound": "at_most", "count": 2}}"#,
        accepted: &["apple", "apple, fig"], rejected: &[PLAIN, "apple, fig, pear, plum"] },
    Case { rule: r#"{"role_playing": "farmer"}"#,
        accepted: &["apple, fig, pear\nsigned, the farmer"],
        rejected: &[PLAIN, "apple, fig, pear\nsigned, the queen", "signed, the farmer\napple, fig, pear",
            "apple, fig, pear\nsigned, the farmer\nsigned, the farmer",
            "apple, fig, pear\nsigned, the farmer\nsigned, the queen"] },
    Case { rule: r#"{"target_audience": "children"}"#,
        accepted: &["dear children\napple, fig, pear"],
        rejected: &[PLAIN, "dear guests\napple, fig, pear", "apple, fig, pear\ndear children",
            "dear children\ndear guests\napple, fig, pear"] },
    Case { rule: r#"{"prior_condition": {"comparison": "more_than", "than": 2, "word": "plenty"}}"#,
        accepted: &["apple, fig, pear\nplenty"],
        rejected: &[PLAIN, "apple, fig, pear\nenough", "plenty\napple, fig, pear",
            "apple, fig, pear\nplenty\nplenty"] },
    Case { rule: r#"{"prior_condition": {"comparison": "more_than", "than": 3, "word": "plenty"}}"#,
        accepted: &[PLAIN], rejected: &["apple, fig, pear\nplenty", "apple, fig, pear\nnoted"] },
    Case { rule: r#"{"prior_condition": {"comparison": "fewer_than", "than": 4, "word": "plenty"}}"#,
        accepted: &["apple, fig, pear\nplenty"], rejected: &[PLAIN] },
    Case { rule: r#"{"prior_condition": {"comparison": "fewer_than", "than": 3, "word": "plenty"}}"#,
        accepted: &[PLAIN], rejected: &["apple, fig, pear\nplenty"] },
    Case { rule: r#"{"natural_language_process": {"steps": ["ready", "done"], "place": "both"}}"#,
        accepted: &["ready\napple, fig, pear\ndone"],
        rejected: &[PLAIN, "done\napple, fig, pear\nready", "ready\ndone\napple, fig, pear",
            "apple, fig, pear\nready\ndone", "ready\napple, fig, pear\nover", "ready\napple, fig, pear"] },
    Case { rule: r#"{"natural_language_process": {"steps": ["ready", "done"], "place": "before"}}"#,
        accepted: &["ready\ndone\napple, fig, pear"],
        rejected: &["done\nready\napple, fig, pear", "ready\napple, fig, pear\ndone", PLAIN] },
    Case { rule: r#"{"natural_language_process": {"steps": ["ready", "done"], "place": "after"}}"#,
        accepted: &["apple, fig, pear\nready\ndone"],
        rejected: &["apple, fig, pear\ndone\nready", "ready\napple, fig, pear\ndone", PLAIN] },
    Case { rule: r#"{"markdown_process": {"steps": ["start", "check"], "place": "both"}}"#,
        accepted: &["start\napple, fig, pear\ncheck"],
        rejected: &[PLAIN, "check\napple, fig, pear\nstart", "start\ncheck\napple, fig, pear",
            "apple, fig, pear\nstart\ncheck", "start\napple, fig, pear\nstop"] },
    Case { rule: r#"{"markdown_process": {"steps": ["start", "check"], "place": "before"}}"#,
        accepted: &["start\ncheck\napple, fig, pear"], rejected: &["check\nstart\napple, fig, pear"] },
    Case { rule: r#"{"markdown_process": {"steps": ["start", "check"], "place": "after"}}"#,
        accepted: &["apple, fig, pear\nstart\ncheck"], rejected: &["apple, fig, pear\ncheck\nstart"] },
    Case { rule: r#"{"tone_and_style": "polite"}"#,
        accepted: &["with pleasure\napple, fig, pear"],
        rejected: &[PLAIN, "here you go\napple, fig, pear", "apple, fig, pear\nwith pleasure",
            "with pleasure\nhere you go\napple, fig, pear"] },
    Case { rule: r#"{"tone_and_style": "solemn"}"#,
        accepted: &["hear these words\napple, fig, pear"], rejected: &["with pleasure\napple, fig, pear"] },
    Case { rule: r#"{"emotion": {"feeling": "joy", "side": "after"}}"#,
        accepted: &["apple, fig, pear\nhooray"],
        rejected: &[PLAIN, "hooray\napple, fig, pear", "apple, fig, pear\nalas", "apple, fig, pear\nhooray\nhooray"] },
    Case { rule: r#"{"emotion": {"feeling": "surprise", "side": "before"}}"#,
        accepted: &["wow\napple, fig, pear"], rejected: &["apple, fig, pear\nwow", "phew\napple, fig, pear"] },
    Case { rule: r#"{"linguistic_characteristics": "size"}"#,
        accepted: &["big apple, small fig, enormous pear", "big apple, big fig, big pear"],
        rejected: &[PLAIN, "big apple, fig, small pear", "big apple, old fig, small pear", "old apple, old fig, new pear"] },
    Case { rule: r#"{"linguistic_characteristics": "quality"}"#,
        accepted: &["good apple, fine fig, excellent pear"], rejected: &["good apple, fine fig, ancient pear"] },
    Case { rule: r#"{"multilingual": "spanish"}"#,
        accepted: &["higo, manzana, pera"],
        rejected: &[PLAIN, "figue, poire, pomme", "higo, manzana, pear"] },
    Case { rule: r#"{"multilingual": "french"}"#,
        accepted: &["figue, poire, pomme"], rejected: &["higo, manzana, pera", "figue, poire, apple"] },
    Case { rule: r#"{"output_format": "json"}"#,
        accepted: &[r#"["apple", "fig", "pear"]"#, r#"["apple","fig","pear"]"#],
        rejected: &[PLAIN, "- apple\n- fig\n- pear", "apple; fig; pear", "<li>apple</li><li>fig</li><li>pear</li>",
            "\\item apple \\item fig \\item pear"] },
    Case { rule: r#"{"output_format": "html"}"#,
        accepted: &["<li>apple</li><li>fig</li><li>pear</li>"],
        rejected: &[PLAIN, r#"["apple", "fig", "pear"]"#, "| apple | fig | pear |"] },
    Case { rule: r#"{"output_format": "latex"}"#,
        accepted: &["\\item apple \\item fig \\item pear"],
        rejected: &[PLAIN, "<li>apple</li><li>fig</li><li>pear</li>"] },
    Case { rule: r#"{"output_format": "table"}"#,
        accepted: &["| apple | fig | pear |"], rejected: &[PLAIN, "\\item apple \\item fig \\item pear"] },
    Case { rule: r#"{"text_pattern": "capitals"}"#,
        accepted: &["APPLE, FIG, PEAR"],
        rejected: &[PLAIN, "APPLE, fig, PEAR", "Apple, Fig, Pear", "aPPLE, FIG, PEAR", "**APPLE**, FIG, PEAR"] },
    Case { rule: r#"{"text_pattern": "title"}"#,
        accepted: &["Apple, Fig, Pear"], rejected: &[PLAIN, "Apple, Fig, PEAR", "Apple, FiG, Pear", "_Apple_, Fig, Pear"] },
    Case { rule: r#"{"text_pattern": "bold"}"#,
        accepted: &["**apple**, **fig**, **pear**"],
        rejected: &[PLAIN, "**apple**, _fig_, **pear**", "**apple**, **fig**, pear", "**apple**, **Fig**, **pear**"] },
    Case { rule: r#"{"text_pattern": "italics"}"#,
        accepted: &["_apple_, _fig_, _pear_"], rejected: &[PLAIN, "**apple**, **fig**, **pear**", "_apple_, _FIG_, _pear_"] },
    Case { rule: r#"{"grammar_structure": "indefinite"}"#,
        accepted: &["an apple, a fig, a pear"],
        rejected: &[PLAIN, "a apple, a fig, a pear", "an apple, an fig, a pear", "an apple, the fig, a pear",
            "an apple, fig, a pear"] },
    Case { rule: r#"{"grammar_structure": "definite"}"#,
        accepted: &["the apple, the fig, the pear"], rejected: &[PLAIN, "my apple, my fig, my pear", "the apple, fig, the pear"] },
    Case { rule: r#"{"grammar_structure": "possessive"}"#,
        accepted: &["my apple, my fig, my pear"], rejected: &[PLAIN, "the apple, my fig, my pear"] },
    Case { rule: r#"{"citation": "numbers"}"#,
        accepted: &["apple [1], fig [2], pear [3]"],
        rejected: &[PLAIN, "apple [1], fig [2], pear", "apple [1], fig [3], pear [2]", "apple [1], fig [1], pear [1]",
            "apple [a], fig [b], pear [c]", "apple [0], fig [1], pear [2]", "apple [01], fig [2], pear [3]"] },
    Case { rule: r#"{"citation": "letters"}"#,
        accepted: &["apple [a], fig [b], pear [c]"],
        rejected: &[PLAIN, "apple [a], fig [c], pear [b]", "apple [1], fig [2], pear [3]", "apple [A], fig [b], pear [c]"] },
    Case { rule: r#"{"numbering_and_list": "dots"}"#,
        accepted: &["1. apple\n2. fig\n3. pear"],
        rejected: &[PLAIN, "1) apple\n2) fig\n3) pear", "1. apple\n3. fig\n2. pear", "1. apple\n1. fig\n1. pear",
            "1. apple\n2. fig\npear", "1. apple\n2) fig\n3. pear", "0. apple\n1. fig\n2. pear",
            "01. apple\n02. fig\n03. pear"] },
    Case { rule: r#"{"numbering_and_list": "brackets"}"#,
        accepted: &["1) apple\n2) fig\n3) pear"], rejected: &["1. apple\n2. fig\n3. pear", "2) apple\n3) fig\n4) pear"] },
    Case { rule: r#"{"numbering_and_list": "dashes"}"#,
        accepted: &["- apple\n- fig\n- pear"],
        rejected: &[PLAIN, "* apple\n* fig\n* pear", "- apple\n* fig\n- pear", "apple\nfig\npear", "1. apple\n2. fig\n3. pear"] },
    Case { rule: r#"{"numbering_and_list": "stars"}"#,
        accepted: &["* apple\n* fig\n* pear"], rejected: &["- apple\n- fig\n- pear", "* apple\n* fig\npear"] },
    Case { rule: r#"{"hierarchical_structure": "first"}"#,
        accepted: &["# fruits\napple, fig, pear"],
        rejected: &[PLAIN, "## fruits\napple, fig, pear", "# tools\napple, fig, pear", "apple, fig, pear\n# fruits",
            "# list\n## fruits\napple, fig, pear"] },
    Case { rule: r#"{"hierarchical_structure": "second"}"#,
        accepted: &["## fruits\napple, fig, pear"], rejected: &["# fruits\napple, fig, pear", "### fruits\napple, fig, pear"] },
    Case { rule: r#"{"hierarchical_structure": "both"}"#,
        accepted: &["# list\n## fruits\napple, fig, pear"],
        rejected: &["## fruits\napple, fig, pear", "## fruits\n# list\napple, fig, pear", "# list\n# fruits\napple, fig, pear"] },
    Case { rule: r#"{"template": {"line": "my_list", "place": "before"}}"#,
        accepted: &["my list\napple, fig, pear"],
        rejected: &[PLAIN, "apple, fig, pear\nmy list", "my list\napple, fig, pear\nmy list", "the answer\napple, fig, pear"] },
    Case { rule: r#"{"template": {"line": "my_list", "place": "after"}}"#,
        accepted: &["apple, fig, pear\nmy list"], rejected: &["my list\napple, fig, pear", "my list\napple, fig, pear\nmy list"] },
    Case { rule: r#"{"template": {"line": "my_list", "place": "both"}}"#,
        accepted: &["my list\napple, fig, pear\nmy list"],
        rejected: &["my list\napple, fig, pear", "apple, fig, pear\nmy list", "my list\napple, fig, pear\nthe answer"] },
    Case { rule: r#"{"positive_example": "round"}"#,
        accepted: &["(apple), (fig), (pear)"],
        rejected: &[PLAIN, "(apple), {fig}, (pear)", "(apple), fig, (pear)", "~apple~, ~fig~, ~pear~"] },
    Case { rule: r#"{"positive_example": "curly"}"#,
        accepted: &["{apple}, {fig}, {pear}"], rejected: &[PLAIN, "(apple), (fig), (pear)"] },
    Case { rule: r#"{"positive_example": "tilde"}"#,
        accepted: &["~apple~, ~fig~, ~pear~"], rejected: &[PLAIN, "{apple}, {fig}, {pear}"] },
    Case { rule: r#"{"negative_example": null}"#,
        accepted: &["apple; fig; pear", "apple / fig / pear", "apple + fig + pear"],
        rejected: &[PLAIN, "apple; fig / pear", "- apple\n- fig\n- pear", "apple; fig, pear", r#"["apple", "fig", "pear"]"#] },
    Case { rule: r#"{"negative_example": "slash"}"#,
        accepted: &["apple; fig; pear", "apple + fig + pear"], rejected: &[PLAIN, "apple / fig / pear"] },
    Case { rule: r#"{"negative_example": "semicolon"}"#,
        accepted: &["apple / fig / pear"], rejected: &[PLAIN, "apple; fig; pear"] },
];

/// Constraints on the input below, likewise.
#[rustfmt::skip]
const WITH_TEXT: &[Case] = &[
    Case { rule: r#"{"text_background": "ann"}"#,
        accepted: &["apple, fig, pear"], rejected: &["apple, fig, plum", "banana, grape, plum", "apple, fig, cherry"] },
    Case { rule: r#"{"text_background": "ben"}"#,
        accepted: &["banana, grape, plum"], rejected: &["apple, grape, plum", "apple, fig, pear"] },
];

#[rustfmt::skip]
const WITH_TABLE: &[Case] = &[
    Case { rule: r#"{"table_background": {"side": "below", "price": 5}}"#,
        accepted: &["apple, fig, pear"], rejected: &["apple, fig, plum", "apple, fig, grape", "apple, fig, cherry"] },
    Case { rule: r#"{"table_background": {"side": "above", "price": 5}}"#,
        accepted: &["banana, lemon, plum"], rejected: &["banana, lemon, grape", "apple, banana, plum", "banana, lemon, cherry"] },
];

fn text() -> Background {
    serde_json::from_str(
        r#"{"text": {"ann": ["apple", "fig", "saw", "lemon", "pear"], "ben": ["banana", "grape", "plum", "peach", "owl"]}}"#,
    )
    .unwrap()
}

fn table() -> Background {
    serde_json::from_str(
        r#"{"table": [["apple", 1], ["fig", 4], ["pear", 3], ["raspberry", 2], ["grape", 5], ["owl", 2],
            ["banana", 6], ["lemon", 9], ["plum", 7], ["peach", 8]]}"#,
    )
    .unwrap()
}

fn all_cases() -> Vec<(&'static Case, Option<Background>)> {
    let plain = CASES.iter().map(|case| (case, None));
    let text = WITH_TEXT.iter().map(|case| (case, Some(text())));
    plain.chain(text).chain(WITH_TABLE.iter().map(|case| (case, Some(table())))).collect()
}

#[test]
fn each_verifier_accepts_what_satisfies_it() {
    for (case, input) in all_cases() {
        let task = fruits(&[case.rule], input);
        for response in case.accepted {
            let verdict = task.verdict(response);
            assert!(verdict.followed(), "{} rejects\n{response}\n{verdict:?}", case.rule);
        }
    }
}

#[test]
fn each_violation_is_rejected_by_its_verifier_alone() {
    for (case, input) in all_cases() {
        let task = fruits(&[case.rule], input);
        for response in case.rejected {
            let verdict = task.verdict(response);
            assert_eq!(verdict.constraints, [false], "{} accepts\n{response}", case.rule);
            let broken: Vec<_> = verdict.defaults.iter().filter(|(_, holds)| !holds).collect();
            assert!(broken.is_empty(), "{} with\n{response}\nbreaks {broken:?}", case.rule);
        }
    }
}

#[test]
fn the_cases_cover_every_dimension_and_all_five_types() {
    let covered: BTreeSet<ConstraintDimension> =
        all_cases().iter().map(|(case, _)| rule(case.rule).dimension()).collect();
    assert_eq!(covered, DIMENSIONS.into_iter().collect());
    let types: BTreeSet<ConstraintType> =
        covered.iter().map(|dimension| dimension.constraint_type()).collect();
    assert_eq!((covered.len(), types.len()), (24, 5));
}

/// Each default with responses that break it and no other.
const HABITS: &[(Habit, &[&str])] = &[
    (Habit::Category, &["apple, fig, saw", "apple, fig, owl"]),
    (Habit::Distinct, &["apple, fig, fig", "apple, fig, apple"]),
    (
        Habit::Alone,
        &[
            "my list\napple, fig, pear",
            "apple, fig, pear\nhooray",
            "apple, fig, pear\nso long",
            "well\napple, fig, pear",
            "apple, fig, pear\n\nhooray",
            "# fruits\napple, fig, pear",
            "apple, fig, pear\nsigned, the farmer",
        ],
    ),
    (Habit::Three, &["apple", "apple, fig", "apple, fig, pear, plum"]),
    (Habit::English, &["apple, fig, pera", "higo, manzana, pera", "figue, poire, pomme"]),
    (
        Habit::LowerCase,
        &["Apple, fig, pear", "APPLE, FIG, PEAR", "**apple**, fig, pear", "apple, _fig_, pear"],
    ),
    (
        Habit::OneLine,
        &[
            "apple\nfig\npear",
            "apple; fig; pear",
            "apple, fig; pear",
            "- apple\n- fig\n- pear",
            "apple, fig\npear",
            r#"["apple", "fig", "pear"]"#,
        ],
    ),
    (Habit::NotEnclosed, &["(apple), fig, pear", "{apple}, {fig}, {pear}", "apple, fig, ~pear~"]),
    (Habit::NoAdjective, &["big apple, fig, pear", "apple, old fig, pear"]),
    (Habit::NoDeterminer, &["an apple, fig, pear", "apple, the fig, pear", "a apple, fig, pear"]),
    (Habit::NoMark, &["apple [1], fig [2], pear [3]", "apple, fig, pear [?]", "apple, fig, pear [1]"]),
];

#[test]
fn each_default_is_broken_alone() {
    let task = fruits(&[], None);
    assert!(task.verdict(PLAIN).followed());
    assert!(task.verdict(&format!("  {PLAIN}\n")).followed(), "white space at the ends does not count");
    for (habit, responses) in HABITS {
        for response in *responses {
            let broken: Vec<Habit> = task
                .verdict(response)
                .defaults
                .into_iter()
                .filter_map(|(habit, holds)| (!holds).then_some(habit))
                .collect();
            assert_eq!(broken, [*habit], "{response}");
        }
    }
    assert_eq!(HABITS.len(), Habit::ALL.len());
}

#[test]
fn a_line_between_items_breaks_the_frame() {
    let task = fruits(&[r#"{"numbering_and_list": "dashes"}"#], None);
    let verdict = task.verdict("- apple\nhooray\n- fig\n- pear");
    assert_eq!(verdict.constraints, [true]);
    assert!(verdict.defaults.contains(&(Habit::Alone, false)));
}

#[test]
fn a_response_that_names_nothing_satisfies_nothing() {
    let rules = [r#"{"exclusion": ["fig"]}"#, r#"{"numerical": {"bound": "at_most", "count": 2}}"#];
    for response in
        ["", "\n", "hello", "saws, owls", "1.", "[]", "dear children\nsigned, the farmer", "[1]", "()"]
    {
        let verdict = fruits(&rules, None).verdict(response);
        assert_eq!(verdict.constraints, [false, false], "{response:?}");
        assert!(verdict.defaults.iter().all(|(_, holds)| !holds), "{response:?}");
    }
}

#[test]
fn a_partly_wrong_response_is_judged_constraint_by_constraint() {
    let rules = [
        r#"{"target_audience": "children"}"#,
        r#"{"numerical": {"bound": "exactly", "count": 4}}"#,
        r#"{"text_pattern": "capitals"}"#,
        r#"{"citation": "numbers"}"#,
        r#"{"emotion": {"feeling": "joy", "side": "after"}}"#,
        r#"{"inclusion": ["plum"]}"#,
    ];
    let verdict = fruits(&rules, None).verdict("dear children\nAPPLE [1], nothing [2], PLUM [3]\nalas");
    assert_eq!(verdict.constraints, [true, false, false, true, false, true]);
    assert!(!verdict.followed());
}

#[test]
fn decorations_go_together() {
    let rules = [
        r#"{"grammar_structure": "indefinite"}"#,
        r#"{"linguistic_characteristics": "age"}"#,
        r#"{"text_pattern": "bold"}"#,
        r#"{"positive_example": "round"}"#,
        r#"{"citation": "letters"}"#,
        r#"{"output_format": "json"}"#,
    ];
    let task = fruits(&rules, None);
    let response = r#"["an ancient (**apple**) [a]", "a new (**fig**) [b]", "an old **(pear)** [c]"]"#;
    assert!(task.verdict(response).followed());
    let wrong = response.replace("an ancient", "a ancient");
    assert_eq!(task.verdict(&wrong).constraints, [false, true, true, true, true, true]);
}
