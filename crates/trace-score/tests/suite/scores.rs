//! Scores of a run: Eq. 3 by hand, and its laws.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::common::{failed, rows, scored};
use proptest::prelude::*;
use trace_schema::{ConstraintDimension, DimensionLabel, JsonlReader, RowError, to_json_line};
use trace_score::stats::IntervalConfig;
use trace_score::{ConstraintScore, Judged, Scores, Verdict};

fn quick() -> IntervalConfig {
    IntervalConfig { resamples: 50, ..IntervalConfig::default() }
}

fn read(line: &str) -> Result<Judged, String> {
    JsonlReader::new(line.as_bytes(), "run.jsonl").next().unwrap().map_err(|error| error.to_string())
}

/// IF = 2/4; IF-S = 1/2; IF-M = 1/2; the mean score is (10 + 0 + 10 + 9.5)/4. Two constraints of the first dimension are
/// full, and 9 is not 10.
#[test]
fn a_run_of_four_and_a_failed_row_is_scored_by_hand() {
    let rows = [
        scored("a", &[10.0]),
        scored("b", &[0.0]),
        scored("c", &[10.0, 10.0, 10.0]),
        scored("d", &[9.0, 10.0]),
        failed("e", 2, "the judge gave no score"),
    ];
    let scores = Scores::of(&rows, &quick()).unwrap();
    let followed = |scores: &trace_score::InstructionScores| {
        (scores.followed.value, scores.followed.n, scores.followed.n_failed)
    };
    assert_eq!(followed(&scores.all), (Some(0.5), 4, 1));
    assert_eq!(followed(&scores.single), (Some(0.5), 2, 0));
    assert_eq!(followed(&scores.multi), (Some(0.5), 2, 1));
    assert_eq!(scores.all.mean_score.value, Some(7.375));
    assert_eq!(scores.rows(), 5);

    let counts: Vec<_> = scores
        .by_constraint_count
        .iter()
        .map(|count| (count.constraint_count, followed(&count.scores)))
        .collect();
    assert_eq!(counts, [(1, (Some(0.5), 2, 0)), (2, (Some(0.0), 1, 1)), (3, (Some(1.0), 1, 0))]);

    let theme = &scores.by_dimension[0];
    assert_eq!(theme.dimension, ConstraintDimension::Theme.into());
    assert_eq!((theme.scores.followed.value, theme.scores.followed.n), (Some(0.5), 4));
    assert_eq!(theme.scores.followed.n_failed, 1);
    assert_eq!(theme.scores.mean_score.value, Some(7.25));
    assert_eq!(scores.by_type.len(), 1);
    assert_eq!((scores.by_type[0].scores.followed.n, scores.by_type[0].scores.followed.n_failed), (7, 2));
    assert_eq!(scores.unlabelled, None);
    assert_eq!(scores.failures[0].ids, ["e"]);
}

#[test]
fn what_else_the_description_requires_decides_with_the_constraints() {
    let mut row = scored("a", &[10.0]);
    if let Verdict::Scored { also_required, .. } = &mut row.verdict {
        *also_required = false;
    }
    assert_eq!((row.followed(), row.mean_score()), (Some(false), Some(10.0)));
}

#[test]
fn a_run_without_rows_has_no_numbers() {
    let scores = Scores::of(&[], &quick()).unwrap();
    assert_eq!((scores.all.followed.value, scores.all.mean_score.interval), (None, None));
    let only_failed = Scores::of(&[failed("a", 1, "no")], &quick()).unwrap();
    assert_eq!((only_failed.all.followed.value, only_failed.all.followed.n_failed), (None, 1));
}

#[test]
fn labels_of_no_dimension_and_no_labels_are_shown_apart() {
    let mut row = scored("a", &[10.0, 0.0]);
    if let Verdict::Scored { constraints, .. } = &mut row.verdict {
        constraints[0].dimension = Some(DimensionLabel::parse("·"));
        constraints[1].dimension = None;
    }
    let scores = Scores::of(&[row], &quick()).unwrap();
    assert_eq!(scores.by_dimension[0].dimension.name(), "·");
    assert_eq!(scores.unlabelled.unwrap().followed.value, Some(0.0));
    assert!(scores.by_type.is_empty());
}

#[test]
fn an_id_that_occurs_twice_is_an_error() {
    let error = Scores::of(&[scored("a", &[10.0]), scored("a", &[10.0])], &quick()).unwrap_err();
    assert_eq!(error.to_string(), r#"the run has 1 ids more than once, among them "a""#);
}

#[test]
fn impossible_intervals_are_errors() {
    let level = IntervalConfig { level: 95.0, ..quick() };
    let error = |config| Scores::of(&[], &config).unwrap_err().to_string();
    assert!(error(level).contains("between 0 and 1, and 95 does not"));
    let none = IntervalConfig { resamples: 0, ..quick() };
    assert_eq!(error(none), "a bootstrap needs at least one resample");
}

#[test]
fn scores_are_from_0_to_10() {
    for wrong in [-0.5, 10.5, 11.0, f64::NAN, f64::INFINITY] {
        assert!(ConstraintScore::new(wrong).is_err(), "{wrong}");
    }
    let error =
        read(r#"{"id": "a", "prompt": "", "answer": "", "constraints": [{"text": "1", "score": 11}]}"#);
    assert!(error.unwrap_err().contains("the score 11 is not within 0 to 10"));
}

#[test]
fn keys_that_contradict_each_other_are_errors() {
    for (rest, message) in [
        (r#""constraints": [{"text": "1"}]"#, "constraints[0] has no score"),
        (r#""constraints": [{"text": "1", "score": 3}], "failed": "no""#, "constraints[0] has a score"),
        (r#""also_required": false, "failed": "no""#, "also_required is given"),
        (r#""constraint": []"#, "unknown field"),
    ] {
        let error = read(&format!(r#"{{"id": "a", "prompt": "", "answer": "", {rest}}}"#)).unwrap_err();
        assert!(error.contains(message), "{error}");
    }
    let empty = scored(" ", &[]);
    assert_eq!(
        trace_schema::Record::validate(&empty, Default::default()),
        Err(RowError::invalid("the id is empty"))
    );
}

proptest! {
    #[test]
    fn if_is_the_mean_of_if_s_and_if_m_by_their_rows(rows in rows()) {
        let scores = Scores::of(&rows, &quick()).unwrap();
        let right = |scores: &trace_score::InstructionScores| {
            (scores.followed.value.unwrap_or(0.0) * scores.followed.n as f64).round() as usize
        };
        prop_assert_eq!(right(&scores.all), right(&scores.single) + right(&scores.multi));
        prop_assert_eq!(scores.all.followed.n, scores.single.followed.n + scores.multi.followed.n);
        let of_counts: usize = scores.by_constraint_count.iter().map(|count| count.scores.followed.n).sum();
        prop_assert_eq!(scores.all.followed.n, of_counts);
        prop_assert_eq!(right(&scores.all), rows.iter().filter(|row| row.followed() == Some(true)).count());
    }

    #[test]
    fn failed_rows_are_counted_and_change_no_number(rows in rows()) {
        let (failed, verdicts): (Vec<_>, Vec<_>) = rows.iter().cloned().partition(|row| row.failure().is_some());
        let with = Scores::of(&rows, &quick()).unwrap();
        let without = Scores::of(&verdicts, &quick()).unwrap();
        prop_assert_eq!(with.all.followed.value, without.all.followed.value);
        prop_assert_eq!(with.all.mean_score.interval, without.all.mean_score.interval);
        prop_assert_eq!(with.all.followed.n_failed, failed.len());
        prop_assert_eq!(with.rows(), rows.len());
        prop_assert_eq!(with.failures.iter().map(|failure| failure.rows).sum::<usize>(), failed.len());
    }

    #[test]
    fn a_row_is_read_as_it_was_written(rows in rows()) {
        for row in rows {
            let line = to_json_line(&row).unwrap();
            prop_assert_eq!(read(&line).unwrap(), row);
        }
    }

    #[test]
    fn the_order_of_rows_moves_no_share(rows in rows()) {
        let mut reversed = rows.clone();
        reversed.reverse();
        let (scores, again) = (Scores::of(&rows, &quick()).unwrap(), Scores::of(&reversed, &quick()).unwrap());
        prop_assert_eq!(scores.all.followed, again.all.followed);
        prop_assert_eq!(scores.multi.followed, again.multi.followed);
    }
}
