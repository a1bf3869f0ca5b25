//! Laws of tasks, responders, perturbations and writers.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use trace_schema::ConstraintOperation;
use trace_world::{
    Conditions, CountDistribution, DIMENSIONS, EXCLUDED_PAIRS, GroupBuilder, HELD_OUT_PAIRS, HeldOut, Judge,
    Rejection, Rule, Task, TaskSampler, Teacher, WORDINGS, WorldRng, world_rng, worsen,
};

use crate::common::{fruits, rule};

fn up_to(most: usize) -> TaskSampler {
    TaskSampler::new(CountDistribution::up_to(most))
}

fn drawn(seed: u64, most: usize) -> (Task, WorldRng) {
    let mut rng = world_rng(seed, 0);
    (up_to(most).sample(&mut rng).unwrap(), rng)
}

fn few(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(few(512))]

    #[test]
    fn the_responder_satisfies_every_task(seed: u64, most in 1_usize..=17) {
        let (task, mut rng) = drawn(seed, most);
        let response = task.respond(&mut rng);
        let verdict = task.verdict(&response);
        prop_assert!(verdict.followed(), "{}\n{response}\n{verdict:?}", task.prompt());
        prop_assert_eq!(verdict.constraints.len(), task.clauses().len());
    }

    #[test]
    fn whoever_ignores_constraints_satisfies_the_rest(seed: u64, most in 1_usize..=15, ignored in prop::collection::vec(0_usize..15, 0..6)) {
        let (task, mut rng) = drawn(seed, most);
        let response = task.respond_ignoring(&ignored, &mut rng);
        prop_assert!(task.without(&ignored).verdict(&response).followed());
        for (position, holds) in task.verdict(&response).constraints.into_iter().enumerate() {
            prop_assert!(holds || ignored.contains(&position));
        }
    }

    #[test]
    fn a_worse_response_violates_one_constraint_and_nothing_else(seed: u64, most in 1_usize..=8) {
        let (task, mut rng) = drawn(seed, most);
        if let Some(worse) = worsen(&task, &mut rng) {
            let verdict = task.verdict(&worse);
            prop_assert_eq!(verdict.constraints.iter().filter(|holds| !**holds).count(), 1);
            prop_assert!(verdict.defaults.iter().all(|(_, holds)| *holds));
        }
    }

    #[test]
    fn a_perturbation_changes_one_constraint_as_intended(seed: u64, most in 1_usize..=8) {
        let (x1, mut rng) = drawn(seed, most);
        for operation in ConstraintOperation::ALL {
            let Some(x2) = up_to(most).perturb(&x1, operation, &mut rng) else { continue };
            let (before, after) = (x1.clauses().to_vec(), x2.clauses().to_vec());
            let lacks_one = |long: &[_], short: &[_]| {
                (0..long.len()).any(|at| [&long[..at], &long[at + 1..]].concat() == short)
            };
            match operation {
                ConstraintOperation::Add => prop_assert!(lacks_one(&after, &before)),
                ConstraintOperation::Delete => prop_assert!(lacks_one(&before, &after)),
                ConstraintOperation::Revise => {
                    prop_assert_eq!(before.len(), after.len());
                    let changed: Vec<_> = before.iter().zip(&after).filter(|(one, other)| one != other).collect();
                    prop_assert_eq!(changed.len(), 1);
                    let (one, other) = changed[0];
                    prop_assert_eq!(one.rule.dimension(), other.rule.dimension());
                    prop_assert_eq!(one.wording, other.wording);
                }
            }
            prop_assert_eq!(x1.input(), x2.input());
            prop_assert_ne!(x1.prompt(), x2.prompt());
            let texts = x2.instruction().constraints;
            for (at, one) in texts.iter().enumerate() {
                let number = format!("{}. ", at + 1);
                prop_assert!(one.text.starts_with(&number));
            }
        }
    }

    #[test]
    fn the_four_conditions_of_a_group_hold(seed: u64, most in 1_usize..=8) {
        let (x1, mut rng) = drawn(seed, most);
        let sampler = up_to(most);
        let builder = GroupBuilder { sampler: &sampler, judge: Judge::ORACLE, conditions: Conditions::ALL_FOUR };
        for operation in ConstraintOperation::ALL {
            let mut oracle = |task: &Task, rng: &mut WorldRng| Some(task.respond(rng));
            if let Ok(group) = builder.group(&x1, operation, &mut oracle, &mut rng) {
                let followed = |task: &Task, response: &str| task.verdict(response).followed();
                prop_assert!(followed(&group.x1, &group.y1) && followed(&group.x2, &group.y2));
                prop_assert!(!followed(&group.x2, &group.y1) && !followed(&group.x1, &group.y2));
            }
        }
    }

    #[test]
    fn no_response_makes_the_verifier_panic(seed: u64, text in "\\PC{0,60}", pieces in prop::collection::vec(0_usize..20, 0..20)) {
        const PIECES: [&str; 20] = [
            "\n", " ", ", ", "[", "]", "(", ")", "**", "_", "apple", "fig", "1. ", "- ", "<li>", "</li>", "\\item ",
            "| ", " |", "\"", "é",
        ];
        let (task, _) = drawn(seed, 15);
        task.verdict(&text);
        task.verdict(&pieces.into_iter().map(|piece| PIECES[piece]).collect::<String>());
    }

    #[test]
    fn a_task_is_what_its_evaluation_row_carries(seed: u64, most in 1_usize..=15) {
        let (task, _) = drawn(seed, most);
        let row = task.to_eval_row("a", "world").unwrap();
        let line = trace_schema::to_json_line(&row).unwrap();
        prop_assert_eq!(Task::from_eval_row(&serde_json::from_str(&line).unwrap()).unwrap(), task);
    }
}

proptest! {
    #![proptest_config(few(64))]

    #[test]
    fn training_tasks_avoid_held_out_pairs_and_others_have_one(seed: u64) {
        let mut rng = world_rng(seed, 0);
        let avoids = up_to(8);
        let requires = TaskSampler::new(CountDistribution::between(2, 8))
            .held_out(HeldOut::Require);
        let has_pair = |task: &Task| HELD_OUT_PAIRS.iter().any(|(one, other)| task.has(*one) && task.has(*other));
        let task = avoids.sample(&mut rng).unwrap();
        prop_assert!(!has_pair(&task));
        if let Some(longer) = avoids.perturb(&task, ConstraintOperation::Add, &mut rng) {
            prop_assert!(!has_pair(&longer));
        }
        prop_assert!(has_pair(&requires.sample(&mut rng).unwrap()));
    }

    #[test]
    fn every_task_has_several_right_responses(seed: u64) {
        let (task, mut rng) = drawn(seed, 5);
        let responses: BTreeSet<String> = (0..60).map(|_| task.respond(&mut rng)).collect();
        prop_assert!(responses.len() > 1, "{}", task.prompt());
    }
}

/// Many constraints of every dimension.
fn many_rules() -> Vec<Rule> {
    let mut rng = world_rng(3, 0);
    let sampler = up_to(6).pairs(Vec::new());
    let tasks = (0..4000).map(|_| sampler.sample(&mut rng).unwrap());
    tasks.flat_map(|task| task.rules().cloned().collect::<Vec<_>>()).collect()
}

#[test]
fn words_tell_the_meaning_of_a_constraint() {
    let mut meanings = BTreeMap::new();
    for rule in many_rules() {
        let texts: BTreeSet<String> = (0..WORDINGS).map(|wording| rule.text(wording)).collect();
        assert_eq!(texts.len(), usize::from(WORDINGS), "{texts:?}");
        for text in texts {
            let meaning = meanings.entry(text.clone()).or_insert_with(|| rule.clone());
            assert_eq!(*meaning, rule, "{text:?} has two meanings");
        }
    }
}

/// Where a dimension has values that rule each other out, a response to one is no response to another.
#[test]
fn a_response_to_one_value_fails_another() {
    let values: [&[&str]; 12] = [
        &[
            r#"{"role_playing": "farmer"}"#,
            r#"{"role_playing": "teacher"}"#,
            r#"{"role_playing": "doctor"}"#,
            r#"{"role_playing": "queen"}"#,
        ],
        &[
            r#"{"target_audience": "children"}"#,
            r#"{"target_audience": "friends"}"#,
            r#"{"target_audience": "guests"}"#,
            r#"{"target_audience": "students"}"#,
        ],
        &[
            r#"{"tone_and_style": "polite"}"#,
            r#"{"tone_and_style": "casual"}"#,
            r#"{"tone_and_style": "solemn"}"#,
        ],
        &[
            r#"{"emotion": {"feeling": "joy", "side": "before"}}"#,
            r#"{"emotion": {"feeling": "joy", "side": "after"}}"#,
            r#"{"emotion": {"feeling": "sorrow", "side": "after"}}"#,
            r#"{"emotion": {"feeling": "surprise", "side": "after"}}"#,
            r#"{"emotion": {"feeling": "relief", "side": "after"}}"#,
        ],
        &[
            r#"{"linguistic_characteristics": "size"}"#,
            r#"{"linguistic_characteristics": "age"}"#,
            r#"{"linguistic_characteristics": "quality"}"#,
        ],
        &[
            r#"{"output_format": "json"}"#,
            r#"{"output_format": "html"}"#,
            r#"{"output_format": "latex"}"#,
            r#"{"output_format": "table"}"#,
        ],
        &[
            r#"{"text_pattern": "capitals"}"#,
            r#"{"text_pattern": "title"}"#,
            r#"{"text_pattern": "bold"}"#,
            r#"{"text_pattern": "italics"}"#,
        ],
        &[
            r#"{"grammar_structure": "indefinite"}"#,
            r#"{"grammar_structure": "definite"}"#,
            r#"{"grammar_structure": "possessive"}"#,
        ],
        &[
            r#"{"numbering_and_list": "dots"}"#,
            r#"{"numbering_and_list": "brackets"}"#,
            r#"{"numbering_and_list": "dashes"}"#,
            r#"{"numbering_and_list": "stars"}"#,
        ],
        &[
            r#"{"hierarchical_structure": "first"}"#,
            r#"{"hierarchical_structure": "second"}"#,
            r#"{"hierarchical_structure": "both"}"#,
        ],
        &[
            r#"{"template": {"line": "my_list", "place": "both"}}"#,
            r#"{"template": {"line": "the_answer", "place": "both"}}"#,
            r#"{"template": {"line": "from_memory", "place": "both"}}"#,
            r#"{"template": {"line": "just_ideas", "place": "both"}}"#,
            r#"{"template": {"line": "my_list", "place": "before"}}"#,
            r#"{"template": {"line": "my_list", "place": "after"}}"#,
        ],
        &[
            r#"{"positive_example": "round"}"#,
            r#"{"positive_example": "curly"}"#,
            r#"{"positive_example": "tilde"}"#,
        ],
    ];
    let mut rng = world_rng(5, 0);
    for values in values {
        for (wanted, asked) in values.iter().flat_map(|one| values.iter().map(move |other| (one, other))) {
            let response = fruits(&[wanted], None).respond(&mut rng);
            let verdict = fruits(&[asked], None).verdict(&response);
            assert_eq!(verdict.constraints, [wanted == asked], "{asked} of\n{response}");
            assert!(verdict.defaults.iter().all(|(_, holds)| *holds));
        }
    }
}

#[test]
fn excluded_pairs_never_occur_and_others_do() {
    let mut rng = world_rng(8, 0);
    let sampler = up_to(6).pairs(Vec::new());
    let mut seen = BTreeSet::new();
    for _ in 0..6000 {
        let task = sampler.sample(&mut rng).unwrap();
        let mut dimensions: Vec<_> = task.rules().map(Rule::dimension).collect();
        dimensions.sort_unstable();
        seen.extend(dimensions.iter().flat_map(|one| dimensions.iter().map(move |other| (*one, *other))));
    }
    for one in DIMENSIONS {
        for other in DIMENSIONS.into_iter().filter(|other| one < *other) {
            let excluded = EXCLUDED_PAIRS.contains(&(one, other)) || EXCLUDED_PAIRS.contains(&(other, one));
            assert_eq!(seen.contains(&(one, other)), !excluded, "{one} and {other}");
        }
    }
}

#[test]
fn counts_follow_their_weights() {
    let paper = CountDistribution::paper_training();
    assert_eq!(paper.weights().iter().sum::<u32>(), 119_345);
    assert_eq!(CountDistribution::paper_evaluation().weights().iter().sum::<u32>(), 1_042);
    let mean: f64 =
        paper.weights().iter().zip(1..).map(|(weight, count)| f64::from(*weight) * f64::from(count)).sum();
    assert!((mean / 119_345.0 - 4.36).abs() < 0.005);

    let mut rng = world_rng(1, 0);
    let draws = 40_000;
    let mut found = [0_u32; 15];
    for _ in 0..draws {
        found[paper.draw(&mut rng) - 1] += 1;
    }
    // Ten classes with more than 100 expected draws: the bound is the 0.1 % quantile of chi-square with 9 degrees.
    let chi_square: f64 = paper
        .weights()
        .iter()
        .zip(found)
        .take(10)
        .map(|(weight, found)| {
            let expected = f64::from(*weight) / 119_345.0 * f64::from(draws);
            (f64::from(found) - expected).powi(2) / expected
        })
        .sum();
    assert!(chi_square < 27.9, "{chi_square} with {found:?}");
    assert!(found[10..].iter().sum::<u32>() > 0);
}

#[test]
fn tasks_have_the_number_of_constraints_that_was_drawn() {
    let mut rng = world_rng(2, 0);
    for count in 1..=17 {
        for _ in 0..20 {
            assert_eq!(up_to(5).sample_with(count, &mut rng).unwrap().clauses().len(), count);
        }
    }
    let error = up_to(5).sample_with(25, &mut rng).unwrap_err();
    assert!(error.to_string().contains("no task with 25 constraints was found"), "{error}");
}

#[test]
fn slips_come_as_often_as_the_teacher_makes_them() {
    let (mut kept, mut confused, mut all) = ([0_u32; 3], 0_u32, 0_u32);
    let task = fruits(&[r#"{"tone_and_style": "polite"}"#, r#"{"citation": "numbers"}"#], None);
    let mut rng = world_rng(4, 0);
    for _ in 0..4000 {
        all += 1;
        for (at, ignore) in [0.0, 0.25, 1.0].into_iter().enumerate() {
            let response = Teacher { ignore, confuse: 0.0 }.write(&task, &mut rng);
            kept[at] += u32::from(task.verdict(&response).constraints[0]);
        }
        let response = Teacher { ignore: 1.0, confuse: 0.5 }.write(&task, &mut rng);
        confused += u32::from(response.contains("[a]"));
    }
    assert_eq!((kept[0], kept[2]), (all, 0));
    assert!((2900..3100).contains(&kept[1]), "{kept:?}");
    assert!((1900..2100).contains(&confused), "{confused}");
}

#[test]
fn a_judge_errs_as_often_as_it_is_told_to() {
    let task = fruits(&[r#"{"tone_and_style": "polite"}"#], None);
    let judge = Judge { accepts_wrong: 0.3, rejects_right: 0.1 };
    let mut rng = world_rng(6, 0);
    let mut accepted =
        |response: &str| (0..4000).filter(|_| judge.accepts(&task, response, &mut rng)).count();
    assert!((1100..1300).contains(&accepted("apple, fig, pear")));
    assert!((3540..3660).contains(&accepted("with pleasure\napple, fig, pear")));
    assert!(Judge::ORACLE.accepts(&task, "with pleasure\napple, fig, pear", &mut rng));
    assert!(!Judge::ORACLE.accepts(&task, "apple, fig, pear", &mut rng));
}

#[test]
fn a_rejected_group_says_why() {
    let sampler = up_to(3);
    let builder = GroupBuilder { sampler: &sampler, judge: Judge::ORACLE, conditions: Conditions::ALL_FOUR };
    let task = fruits(&[r#"{"tone_and_style": "polite"}"#], None);
    let (delete, revise) = (ConstraintOperation::Delete, ConstraintOperation::Revise);
    let mut rng = world_rng(9, 0);
    let mut reason = |operation, writer: fn(&Task, &mut WorldRng) -> Option<String>| {
        builder.group(&task, operation, &mut { writer }, &mut rng).unwrap_err()
    };
    assert_eq!(reason(revise, |_, _| None), Rejection::NoFirstResponse);
    assert_eq!(reason(revise, |_, _| Some("apple".to_owned())), Rejection::FirstIsWrong);
    assert_eq!(reason(delete, |task, rng| Some(task.respond(rng))), Rejection::NoPerturbation);
    assert_eq!(
        reason(revise, |_, _| Some("with pleasure\napple, fig, pear".to_owned())),
        Rejection::SameResponse
    );
    assert_eq!(
        reason(revise, |task, rng| task.prompt().contains("polite").then(|| task.respond(rng))),
        Rejection::NoSecondResponse
    );
    assert_eq!(
        reason(revise, |task, rng| {
            Some(if task.prompt().contains("polite") { task.respond(rng) } else { "apple".to_owned() })
        }),
        Rejection::SecondIsWrong
    );
}

#[test]
fn a_group_whose_second_response_fits_the_first_instruction_is_kept_only_by_the_paper() {
    let sampler = up_to(3);
    let x1 = fruits(&[r#"{"numerical": {"bound": "at_most", "count": 4}}"#], None);
    let mut fits = 0;
    for seed in 0..200 {
        let mut rng = world_rng(seed, 0);
        let mut oracle = |task: &Task, rng: &mut WorldRng| Some(task.respond(rng));
        let paper = GroupBuilder { sampler: &sampler, judge: Judge::ORACLE, conditions: Conditions::PAPER };
        let ours = GroupBuilder { conditions: Conditions::ALL_FOUR, ..paper.clone() };
        let kept = paper.group(&x1, ConstraintOperation::Revise, &mut oracle, &mut rng.clone());
        let strict = ours.group(&x1, ConstraintOperation::Revise, &mut oracle, &mut rng);
        if let Ok(group) = kept
            && x1.verdict(&group.y2).followed()
        {
            fits += 1;
            assert_eq!(strict.unwrap_err(), Rejection::SecondFitsFirst);
        }
    }
    assert!(fits > 0);
}

#[test]
fn names_of_things_are_distinct_in_all_languages() {
    use trace_world::{Category, Item, values::Language};
    let names: BTreeSet<&str> =
        Item::all().flat_map(|item| Language::ALL.map(|language| item.name(language))).collect();
    assert_eq!(names.len(), 84 * 3);
    for category in Category::ALL {
        let items: Vec<&str> = category.items().map(|item| item.name(Language::English)).collect();
        assert!(items.is_sorted() && items.len() == 14);
        for theme in category.themes() {
            assert!(category.items().filter(|item| theme.contains(*item)).count() >= 5, "{theme:?}");
        }
        assert_eq!(category.themes().count(), 3);
    }
    assert_eq!(rule(r#"{"inclusion": ["owl"]}"#).text(0), "Name owl.");
}
