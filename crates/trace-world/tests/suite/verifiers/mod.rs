//! Every verifier: what it accepts, and what it alone rejects.

mod cases;

use std::collections::BTreeSet;

use trace_schema::{ConstraintDimension, ConstraintType};
use trace_world::{DIMENSIONS, Habit};

use crate::common::{fruits, rule};
use cases::{PLAIN, all_cases};

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

/// A reader that is quadratic in the number of separators takes minutes.
#[test]
fn a_response_of_many_items_is_judged_in_linear_time() {
    let task = fruits(&[], None);
    for piece in ["apple, ", ", ", "; ", "apple\n", "\n", "(", "[1] "] {
        assert!(!task.verdict(&piece.repeat(300_000 / piece.len())).followed(), "{piece:?}");
    }
}
