//! Two runs over the same rows.

use std::collections::HashMap;

use serde::Serialize;

use crate::error::some_ids;
use crate::scores::check_ids;
use crate::stats::{Interval, IntervalConfig, bootstrap_ratio, mcnemar_exact};
use crate::{Judged, ScoreError};

/// Shares of two runs over the same items. Differences are second − first.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PairedShare {
    /// The share of the first run, from 0 to 1; `None` without items.
    pub first: Option<f64>,
    /// The share of the second run.
    pub second: Option<f64>,
    /// second − first.
    pub difference: Option<f64>,
    /// The paired bootstrap interval of the difference; `None` for fewer than two items.
    pub interval: Option<Interval>,
    /// Items that only the first run has right.
    pub only_first: usize,
    /// Items that only the second run has right.
    pub only_second: usize,
    /// The p-value of McNemar's exact test; see [`mcnemar_exact`].
    pub p_value: f64,
    /// The items with a verdict in both runs.
    pub n: usize,
    /// The items that failed in one of the runs or both.
    pub n_failed: usize,
}

impl PairedShare {
    /// Compares verdicts item by item: (first, second).
    ///
    /// An item is resampled with both its verdicts. The p-value and the interval agree when the two runs are swapped.
    pub fn of(pairs: &[(bool, bool)], n_failed: usize, config: &IntervalConfig) -> Self {
        let values: Vec<_> =
            pairs.iter().map(|&(first, second)| (f64::from(first), f64::from(second))).collect();
        let PairedMean { first, second, difference, interval, n, n_failed } =
            PairedMean::of(&values, n_failed, config);
        let only_first = pairs.iter().filter(|pair| pair.0 && !pair.1).count();
        let only_second = pairs.iter().filter(|pair| !pair.0 && pair.1).count();
        let p_value = mcnemar_exact(only_first, only_second);
        Self { first, second, difference, interval, only_first, only_second, p_value, n, n_failed }
    }
}

/// Means of two runs over the same items. Differences are second − first.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PairedMean {
    /// The mean of the first run; `None` without items.
    pub first: Option<f64>,
    /// The mean of the second run.
    pub second: Option<f64>,
    /// second − first.
    pub difference: Option<f64>,
    /// The paired bootstrap interval of the difference; `None` for fewer than two items.
    pub interval: Option<Interval>,
    /// The items with a value in both runs.
    pub n: usize,
    /// The items that failed in one of the runs or both.
    pub n_failed: usize,
}

impl PairedMean {
    /// Compares values item by item: (first, second).
    pub fn of(pairs: &[(f64, f64)], n_failed: usize, config: &IntervalConfig) -> Self {
        let rows: Vec<_> = pairs.iter().map(|&(first, second)| (first, second, 1)).collect();
        Self::of_rows(&rows, n_failed, config)
    }

    /// Compares the means Σ sums / Σ counts of items that come in rows: (first sum, second sum, count).
    ///
    /// A row is resampled as a whole; `n` counts items. See [`bootstrap_ratio`].
    pub fn of_rows(rows: &[(f64, f64, usize)], n_failed: usize, config: &IntervalConfig) -> Self {
        let n: usize = rows.iter().map(|row| row.2).sum();
        let mean = |sum: f64| (n > 0).then(|| sum / n as f64);
        let differences: Vec<_> =
            rows.iter().map(|&(first, second, count)| (second - first, count as f64)).collect();
        Self {
            first: mean(rows.iter().map(|row| row.0).sum()),
            second: mean(rows.iter().map(|row| row.1).sum()),
            difference: mean(differences.iter().map(|row| row.0).sum()),
            interval: bootstrap_ratio(&differences, config),
            n,
            n_failed,
        }
    }
}

/// Instructions, and how two runs followed them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PairedScores {
    /// The shares of instructions that are followed whole: IF.
    pub followed: PairedShare,
    /// The mean scores, from 0 to 10.
    pub mean_score: PairedMean,
}

/// Two runs over the same rows, compared row by row. Differences are second − first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunComparison {
    /// How the intervals were made.
    pub intervals: IntervalConfig,
    /// All instructions: IF.
    pub all: PairedScores,
    /// Instructions with one constraint: IF-S.
    pub single: PairedScores,
    /// Instructions with several constraints: IF-M.
    pub multi: PairedScores,
}

impl RunComparison {
    /// Compares two runs. Rows are matched by id, in any order; a row that failed in one of them is left
    /// out and counted.
    ///
    /// # Errors
    ///
    /// An id that occurs twice in a run, runs over different rows, and the errors of [`IntervalConfig::validate`].
    pub fn of(first: &[Judged], second: &[Judged], config: &IntervalConfig) -> Result<Self, ScoreError> {
        config.validate()?;
        let pairs = match_rows((first, "the first run"), (second, "the second run"))?;
        let of = |keep: fn(usize) -> bool| {
            let kept = pairs.iter().filter(|(row, _)| keep(row.constraint_count()));
            paired_scores(kept.copied(), config)
        };
        Ok(Self {
            intervals: *config,
            all: of(|_| true),
            single: of(|count| count == 1),
            multi: of(|count| count > 1),
        })
    }
}

fn paired_scores<'a>(
    pairs: impl Iterator<Item = (&'a Judged, &'a Judged)>,
    config: &IntervalConfig,
) -> PairedScores {
    let (mut followed, mut scores, mut n_failed) = (Vec::new(), Vec::new(), 0);
    for (first, second) in pairs {
        match (first.followed(), second.followed()) {
            (Some(in_first), Some(in_second)) => {
                followed.push((in_first, in_second));
                scores.extend(first.mean_score().zip(second.mean_score()));
            }
            _ => n_failed += 1,
        }
    }
    PairedScores {
        followed: PairedShare::of(&followed, n_failed, config),
        mean_score: PairedMean::of(&scores, n_failed, config),
    }
}

/// The rows of two runs that have the same id, in the order of the first run.
pub(crate) fn match_rows<'a>(
    (first, first_name): (&'a [Judged], &str),
    (second, second_name): (&'a [Judged], &str),
) -> Result<Vec<(&'a Judged, &'a Judged)>, ScoreError> {
    check_ids(first, first_name)?;
    check_ids(second, second_name)?;
    check_same_ids((first, first_name), (second, second_name))?;
    let by_id: HashMap<_, _> = second.iter().map(|row| (row.id.as_str(), row)).collect();
    let pairs: Vec<_> = first.iter().filter_map(|row| Some((row, *by_id.get(row.id.as_str())?))).collect();
    let different: Vec<_> = pairs
        .iter()
        .filter(|(first, second)| !ask_the_same(first, second))
        .map(|pair| pair.0.id.as_str())
        .collect();
    match different.len() {
        0 => Ok(pairs),
        count => Err(ScoreError::new(format!(
            "prompt or constraints differ between {first_name} and {second_name} in {count} rows, among them {}",
            some_ids(&different)
        ))),
    }
}

fn check_same_ids(
    (first, first_name): (&[Judged], &str),
    (second, second_name): (&[Judged], &str),
) -> Result<(), ScoreError> {
    let (only_first, only_second) = (ids_missing_in(second, first), ids_missing_in(first, second));
    if only_first.is_empty() && only_second.is_empty() {
        return Ok(());
    }
    let only = |ids: &[&str], run| format!("{} only in {run} ({})", ids.len(), some_ids(ids));
    let (first, second) = (only(&only_first, first_name), only(&only_second, second_name));
    Err(ScoreError::new(format!("the runs have different rows: {first}, {second}")))
}

fn ids_missing_in<'a>(run: &[Judged], other: &'a [Judged]) -> Vec<&'a str> {
    let ids: std::collections::HashSet<_> = run.iter().map(|row| row.id.as_str()).collect();
    other.iter().map(|row| row.id.as_str()).filter(|id| !ids.contains(id)).collect()
}

fn ask_the_same(first: &Judged, second: &Judged) -> bool {
    let asked = |row: &Judged| row.constraints().map(|(text, _, _)| text.to_owned()).collect::<Vec<_>>();
    first.prompt == second.prompt && asked(first) == asked(second)
}
