//! Two runs, and two systems over several seeds.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::common::{failed, rows, scored};
use proptest::prelude::*;
use trace_score::stats::IntervalConfig;
use trace_score::{Judged, RunComparison, Scores, SeedComparison, Verdict};

fn quick() -> IntervalConfig {
    IntervalConfig { resamples: 100, ..IntervalConfig::default() }
}

fn run(scores: &[f64]) -> Vec<Judged> {
    scores.iter().enumerate().map(|(id, &score)| scored(&id.to_string(), &[score])).collect()
}

/// Of six rows the second run alone has three right and the first run alone one: 2·(1 + 4)/16 = 0.625.
#[test]
fn two_runs_are_compared_by_hand() {
    let first = run(&[10.0, 10.0, 0.0, 0.0, 0.0, 5.0]);
    let mut second = run(&[10.0, 0.0, 10.0, 10.0, 10.0, 5.0]);
    second.reverse();
    let comparison = RunComparison::of(&first, &second, &quick()).unwrap();
    let followed = comparison.all.followed;
    assert_eq!((followed.only_first, followed.only_second, followed.n), (1, 3, 6));
    assert!((followed.difference.unwrap() - 1.0 / 3.0).abs() < 1e-12);
    assert!((followed.p_value - 0.625).abs() < 1e-12);
    assert!((comparison.all.mean_score.difference.unwrap() - 20.0 / 6.0).abs() < 1e-12);
    assert_eq!(comparison.multi.followed.difference, None);
    assert_eq!(comparison.multi.followed.p_value, 1.0);
}

#[test]
fn a_row_that_failed_in_one_run_is_left_out_and_counted() {
    let first = [scored("a", &[10.0]), scored("b", &[10.0])];
    let second = [scored("a", &[0.0]), failed("b", 1, "no verdict")];
    let followed = RunComparison::of(&first, &second, &quick()).unwrap().all.followed;
    assert_eq!((followed.n, followed.n_failed, followed.difference), (1, 1, Some(-1.0)));
}

#[test]
fn ids_that_only_one_run_has_are_listed() {
    let first: Vec<_> = (0..14).map(|id| scored(&format!("x{id}"), &[10.0])).collect();
    let error = RunComparison::of(&first, &[scored("y", &[10.0])], &quick()).unwrap_err();
    let error = error.to_string();
    assert!(error.contains("14 only in the first run") && error.matches("\"x").count() == 10, "{error}");
    assert!(error.contains(r#"1 only in the second run ("y")"#), "{error}");
}

#[test]
fn rows_that_ask_for_different_things_are_not_compared() {
    let mut other = scored("a", &[10.0]);
    other.prompt.push('!');
    for second in [other, scored("a", &[10.0, 10.0])] {
        let error = RunComparison::of(&[scored("a", &[10.0])], &[second], &quick()).unwrap_err();
        assert!(error.to_string().contains("in 1 rows, among them \"a\""), "{error}");
    }
}

#[test]
fn seeds_must_pair_up_and_share_their_rows() {
    let (one, two) = (run(&[10.0, 0.0]), run(&[0.0, 10.0]));
    let error = SeedComparison::of(&[&one, &two], &[&one], &quick()).unwrap_err();
    assert!(error.to_string().starts_with("2 runs cannot be paired with 1"), "{error}");
    let shorter = run(&[10.0]);
    let error = SeedComparison::of(&[&one, &one], &[&two, &shorter], &quick()).unwrap_err();
    assert!(error.to_string().contains("run 2 of the second system"), "{error}");
}

/// Shares of three seeds: 1/4, 2/4, 1/4 against 3/4, 3/4, 2/4, so differences ½, ¼, ¼ with the mean ⅓ and
/// t = ⅓ / ((1/√48)/√3) = 4 with 2 degrees of freedom: p = 1 − 4/√18.
#[test]
fn seeds_are_compared_by_hand() {
    let first = [[10.0, 0.0, 0.0, 0.0], [10.0, 10.0, 0.0, 0.0], [0.0, 0.0, 10.0, 0.0]].map(|seed| run(&seed));
    let second =
        [[10.0, 10.0, 10.0, 0.0], [10.0, 10.0, 0.0, 10.0], [0.0, 0.0, 10.0, 10.0]].map(|seed| run(&seed));
    let slices = [&first, &second].map(|runs| runs.each_ref().map(Vec::as_slice));
    let comparison = SeedComparison::of(&slices[0], &slices[1], &quick()).unwrap();
    let difference = &comparison.all;
    assert_eq!(difference.first.values, [0.25, 0.5, 0.25]);
    assert_eq!(difference.second.values, [0.75, 0.75, 0.5]);
    assert!((difference.difference.mean.unwrap() - 1.0 / 3.0).abs() < 1e-12);
    let test = difference.t_test.unwrap();
    assert!((test.t - 4.0).abs() < 1e-9, "{test:?}");
    assert!((test.p_value - (1.0 - 4.0 / 18.0_f64.sqrt())).abs() < 1e-9, "{test:?}");
    assert!(difference.crossed_interval.unwrap().contains(1.0 / 3.0));
    assert_eq!((difference.n, difference.n_failed, comparison.seeds), (12, 0, 3));
    assert_eq!(comparison.multi.difference.mean, None);
}

/// The second run of the same rows: other scores, and a failure here and there.
fn again(rows: &[Judged], flips: &[bool]) -> Vec<Judged> {
    let flip = |(row, flips): (&Judged, &bool)| {
        let mut row = row.clone();
        if let (Verdict::Scored { also_required, .. }, true) = (&mut row.verdict, flips) {
            *also_required = false;
        }
        row
    };
    rows.iter().zip(flips).map(flip).collect()
}

proptest! {
    #[test]
    fn a_comparison_is_the_same_the_other_way_round(
        first in rows(),
        flips in prop::collection::vec(any::<bool>(), 30),
    ) {
        let second = again(&first, &flips);
        let there = RunComparison::of(&first, &second, &quick()).unwrap().all.followed;
        let back = RunComparison::of(&second, &first, &quick()).unwrap().all.followed;
        prop_assert_eq!(there.p_value.to_bits(), back.p_value.to_bits());
        prop_assert_eq!(there.difference, back.difference.map(|difference| 0.0 - difference));
        prop_assert_eq!((there.n, there.n_failed), (back.n, back.n_failed));
        if let (Some(there), Some(back)) = (there.interval, back.interval) {
            prop_assert!((there.low + back.high).abs() < 1e-12 && (there.high + back.low).abs() < 1e-12);
        }
        let scores = Scores::of(&first, &quick()).unwrap();
        prop_assert_eq!(there.first, scores.all.followed.value);
    }

    #[test]
    fn a_run_equals_itself(rows in rows()) {
        let followed = RunComparison::of(&rows, &rows, &quick()).unwrap().all.followed;
        prop_assert_eq!(followed.p_value, 1.0);
        prop_assert!(followed.difference.is_none_or(|difference| difference == 0.0));
    }
}
