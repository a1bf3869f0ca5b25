//! Intervals by resampling.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::interval::is_level;
use super::{Interval, IntervalConfig};

/// The percentile bootstrap interval of a mean.
///
/// Items are sampled with replacement. `None` for fewer than two items. Where all items are equal, so are the ends: a
/// resample then has nothing that could vary.
///
/// # Source
///
/// Efron and Tibshirani, *An Introduction to the Bootstrap* (1993), Sec. 13.3.
pub fn bootstrap_mean(values: &[f64], config: &IntervalConfig) -> Option<Interval> {
    let parts: Vec<_> = values.iter().map(|&value| (value, 1.0)).collect();
    bootstrap_ratio(&parts, config)
}

/// The percentile bootstrap interval of a mean over items that come in rows: Σ sums / Σ counts.
///
/// A row is its sum and its count, and is resampled as a whole, since the constraints of one answer stand or fall together.
/// `None` for fewer than two rows that have items, or for an impossible `config`.
///
/// # Source
///
/// Davison and Hinkley, *Bootstrap Methods and their Application* (1997), Sec. 3.8: resampling of whole clusters.
pub fn bootstrap_ratio(rows: &[(f64, f64)], config: &IntervalConfig) -> Option<Interval> {
    let rows: Vec<_> = rows.iter().copied().filter(|row| row.1 > 0.0).collect();
    if rows.len() < 2 {
        return None;
    }
    percentile_interval(config, |rng| {
        let (mut sum, mut count) = (0.0, 0.0);
        for _ in 0..rows.len() {
            let row = rows[rng.random_range(0..rows.len())];
            sum += row.0;
            count += row.1;
        }
        Some(sum / count)
    })
}

/// The percentile bootstrap interval of a mean over seeds × items, both resampled.
///
/// `values` has a list for each seed and in it a value for each item, the same items in the same order for every seed;
/// `None` marks a failed item. A resample takes seeds with replacement, and items with replacement once for all seeds,
/// because the items are shared; its value is the mean over its seeds of the mean over its items. `None` for fewer than
/// two seeds or items, for lists of different lengths, or where a seed has no value at all.
///
/// With few seeds the interval is too narrow in the seeds, as every bootstrap of few units is, by about (S−1)/S in the
/// variance; [`PairedTTest`](super::PairedTTest) is exact there for normal differences, but holds the items fixed.
///
/// # Source
///
/// Owen, *The pigeonhole bootstrap*, Annals of Applied Statistics 1 (2007).
pub fn crossed_bootstrap(values: &[Vec<Option<f64>>], config: &IntervalConfig) -> Option<Interval> {
    let seeds = values.len();
    let items = values.first()?.len();
    let complete = |row: &Vec<Option<f64>>| row.len() == items && row.iter().any(Option::is_some);
    if seeds < 2 || items < 2 || !values.iter().all(complete) {
        return None;
    }
    percentile_interval(config, |rng| {
        let sampled_seeds: Vec<usize> = (0..seeds).map(|_| rng.random_range(0..seeds)).collect();
        let sampled_items: Vec<usize> = (0..items).map(|_| rng.random_range(0..items)).collect();
        let means: Vec<f64> =
            sampled_seeds.iter().filter_map(|&seed| mean_of_sampled(&values[seed], &sampled_items)).collect();
        super::mean(&means)
    })
}

fn mean_of_sampled(values: &[Option<f64>], sampled: &[usize]) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0_usize);
    for value in sampled.iter().filter_map(|&item| values[item]) {
        sum += value;
        count += 1;
    }
    (count > 0).then(|| sum / count as f64)
}

/// The middle `level` of the values that `resample` gives.
fn percentile_interval(
    config: &IntervalConfig,
    mut resample: impl FnMut(&mut ChaCha8Rng) -> Option<f64>,
) -> Option<Interval> {
    if !is_level(config.level) {
        return None;
    }
    let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
    let mut values: Vec<f64> = (0..config.resamples).filter_map(|_| resample(&mut rng)).collect();
    values.sort_unstable_by(f64::total_cmp);
    let tail = (1.0 - config.level) / 2.0;
    Some(Interval { low: quantile(&values, tail)?, high: quantile(&values, 1.0 - tail)? })
}

/// The quantile of sorted values, linear between neighbours: definition 7 of Hyndman and Fan (1996), numpy's default.
fn quantile(sorted: &[f64], q: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let place = q * last as f64;
    let below = (place.floor() as usize).min(last);
    let above = (below + 1).min(last);
    let part = place - below as f64;
    Some(sorted[below] + part * (sorted[above] - sorted[below]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// numpy.quantile([1, 2, 4, 8], [0, 0.025, 0.5, 0.9, 1])
    #[test]
    fn quantiles_are_those_of_numpy() {
        let sorted = [1.0, 2.0, 4.0, 8.0];
        for (q, expected) in [(0.0, 1.0), (0.025, 1.075), (0.5, 3.0), (0.9, 6.8), (1.0, 8.0)] {
            let found = quantile(&sorted, q).unwrap();
            assert!((found - expected).abs() < 1e-12, "{q}: {found}");
        }
        assert_eq!(quantile(&[], 0.5), None);
    }
}
