//! Two systems, each trained with several seeds, over the same rows.

use serde::Serialize;

use crate::paired::match_rows;
use crate::stats::{Interval, IntervalConfig, PairedTTest, SeedMean, crossed_bootstrap};
use crate::{Judged, ScoreError};

/// How far two systems are apart in one number, over several seeds. Differences are second − first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SeedDifference {
    /// The number of the first system, seed by seed.
    pub first: SeedMean,
    /// The number of the second system.
    pub second: SeedMean,
    /// second − first, seed by seed. Its interval is about other seeds over the same items.
    pub difference: SeedMean,
    /// The paired t-test over seeds; `None` for fewer than two seeds or equal differences.
    pub t_test: Option<PairedTTest>,
    /// The interval of the mean difference over other seeds and other items; see [`crossed_bootstrap`].
    pub crossed_interval: Option<Interval>,
    /// The items of all seeds with a verdict in both systems.
    pub n: usize,
    /// The items of all seeds that failed in one system or both.
    pub n_failed: usize,
}

impl SeedDifference {
    /// Compares values by seed and item: `pairs[seed][item]` is (first, second), or `None` for a failed item.
    ///
    /// The items are the same in the same order for every seed. A seed without any item is left out.
    pub fn of(pairs: &[Vec<Option<(f64, f64)>>], config: &IntervalConfig) -> Self {
        let present: Vec<_> = pairs.iter().filter(|seed| seed.iter().any(Option::is_some)).collect();
        let of = |part: fn((f64, f64)) -> f64| {
            let mean = |seed: &&Vec<Option<(f64, f64)>>| {
                let values: Vec<_> = seed.iter().flatten().copied().map(part).collect();
                crate::stats::mean(&values)
            };
            SeedMean::of(&present.iter().filter_map(mean).collect::<Vec<_>>(), config.level)
        };
        let difference = of(|(first, second)| second - first);
        let cells: Vec<Vec<Option<f64>>> = present
            .iter()
            .map(|seed| seed.iter().map(|pair| pair.map(|(first, second)| second - first)).collect())
            .collect();
        let n = pairs.iter().flatten().flatten().count();
        Self {
            first: of(|pair| pair.0),
            second: of(|pair| pair.1),
            t_test: PairedTTest::of(&difference.values),
            difference,
            crossed_interval: crossed_bootstrap(&cells, config),
            n,
            n_failed: pairs.iter().map(Vec::len).sum::<usize>() - n,
        }
    }
}

/// Two systems over several seeds and the same rows. Differences are second − first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SeedComparison {
    /// How the intervals were made.
    pub intervals: IntervalConfig,
    /// The number of seeds.
    pub seeds: usize,
    /// All instructions followed whole: IF.
    pub all: SeedDifference,
    /// Instructions with one constraint: IF-S.
    pub single: SeedDifference,
    /// Instructions with several constraints: IF-M.
    pub multi: SeedDifference,
    /// The mean score of all instructions, from 0 to 10.
    pub mean_score: SeedDifference,
}

impl SeedComparison {
    /// Compares two systems: `first[k]` and `second[k]` are their runs with seed k, all over the same rows.
    ///
    /// # Errors
    ///
    /// Different numbers of runs, and the errors of [`RunComparison::of`](crate::RunComparison::of).
    pub fn of(
        first: &[&[Judged]],
        second: &[&[Judged]],
        config: &IntervalConfig,
    ) -> Result<Self, ScoreError> {
        config.validate()?;
        if first.len() != second.len() {
            return Err(ScoreError::new(format!(
                "{} runs cannot be paired with {}: there must be one of each for every seed",
                first.len(),
                second.len()
            )));
        }
        let seeds = matched_seeds(first, second)?;
        let of = |keep: fn(usize) -> bool, value: fn(&Judged) -> Option<f64>| {
            let cells = |pairs: &Vec<(&Judged, &Judged)>| {
                let kept = pairs.iter().filter(|(row, _)| keep(row.constraint_count()));
                kept.map(|(first, second)| value(first).zip(value(second))).collect()
            };
            SeedDifference::of(&seeds.iter().map(cells).collect::<Vec<_>>(), config)
        };
        let followed = |row: &Judged| row.followed().map(f64::from);
        Ok(Self {
            intervals: *config,
            seeds: seeds.len(),
            all: of(|_| true, followed),
            single: of(|count| count == 1, followed),
            multi: of(|count| count > 1, followed),
            mean_score: of(|count| count > 0, Judged::mean_score),
        })
    }
}

/// The row pairs of every seed, in the order of the first system's first run.
fn matched_seeds<'a>(
    first: &[&'a [Judged]],
    second: &[&'a [Judged]],
) -> Result<Vec<Vec<(&'a Judged, &'a Judged)>>, ScoreError> {
    let Some(reference) = first.first() else {
        return Ok(Vec::new());
    };
    let in_order = |run: &'a [Judged], system: &str, seed: usize| {
        let name = format!("run {} of the {system} system", seed + 1);
        let pairs = match_rows((reference, "run 1 of the first system"), (run, &name))?;
        Ok(pairs.into_iter().map(|pair| pair.1).collect::<Vec<_>>())
    };
    let pair = |(seed, (first, second)): (usize, (&&'a [Judged], &&'a [Judged]))| {
        let (first, second) = (in_order(first, "first", seed)?, in_order(second, "second", seed)?);
        Ok(first.into_iter().zip(second).collect())
    };
    first.iter().zip(second).enumerate().map(pair).collect()
}
