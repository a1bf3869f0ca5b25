//! Intervals and tests against published values and scipy 1.17.1, and their laws.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use trace_score::stats::{
    Estimate, IntervalConfig, PairedTTest, SeedMean, bootstrap_mean, bootstrap_ratio, crossed_bootstrap,
    mcnemar_exact, wilson_interval,
};

fn close(found: f64, expected: f64, tolerance: f64) {
    assert!((found - expected).abs() <= tolerance, "{found} is not {expected}");
}

fn quick() -> IntervalConfig {
    IntervalConfig { resamples: 400, ..IntervalConfig::default() }
}

/// `scipy.stats.binomtest(k, n).proportion_ci(level, "wilson")`; 81 of 263, 15 of 148 and 1 of 29 are also in Newcombe,
/// Statistics in Medicine 17 (1998), Table I, method 3: 0.2553–0.3662, 0.0624–0.1605, 0.0061–0.1718.
#[test]
fn wilson_intervals_are_those_of_scipy_and_newcombe() {
    for (k, n, level, low, high) in [
        (0, 10, 0.95, 0.0, 0.27753279986288926),
        (10, 10, 0.95, 0.7224672001371109, 1.0),
        (81, 263, 0.95, 0.2552885198782742, 0.36620957698280004),
        (15, 148, 0.95, 0.06238639953073629, 0.16048724172330803),
        (1, 29, 0.95, 0.006113214292762667, 0.17175521879320282),
        (700, 1042, 0.99, 0.633331557455561, 0.7080646722144591),
    ] {
        let interval = wilson_interval(k, n, level).unwrap();
        close(interval.low, low, 1e-12);
        close(interval.high, high, 1e-12);
    }
}

#[test]
fn what_is_undefined_is_none_and_never_nan() {
    assert_eq!(wilson_interval(0, 0, 0.95), None);
    assert_eq!(wilson_interval(2, 1, 0.95), None);
    assert_eq!(wilson_interval(1, 2, f64::NAN), None);
    assert_eq!(bootstrap_mean(&[], &quick()), None);
    assert_eq!(bootstrap_mean(&[1.0], &quick()), None);
    assert_eq!(bootstrap_ratio(&[(0.0, 0.0), (1.0, 1.0)], &quick()), None);
    assert_eq!(crossed_bootstrap(&[], &quick()), None);
    assert_eq!(crossed_bootstrap(&[vec![None, None], vec![Some(1.0), None]], &quick()), None);
    assert_eq!(bootstrap_mean(&[1.0, 2.0], &IntervalConfig { resamples: 0, ..quick() }), None);
    assert_eq!(Estimate::share(0, 0, 3, &quick()), Estimate { n_failed: 3, ..Estimate::default() });
    assert_eq!(Estimate::mean(&[], 0, &quick()), Estimate::default());
    assert_eq!(SeedMean::of(&[], 0.95).mean, None);
    assert_eq!(SeedMean::of(&[1.0], 0.95).interval, None);
    assert_eq!(PairedTTest::of(&[0.5, 0.5]), None);
    // Their mean is not 0.1.
    assert_eq!(PairedTTest::of(&[0.1, 0.1, 0.1]), None);
    assert_eq!(SeedMean::of(&[0.1, 0.1, 0.1], 0.95).standard_deviation, Some(0.0));
}

/// `scipy.stats.binomtest(b, b + c).pvalue`
#[test]
fn mcnemar_is_scipys_binomial_test() {
    for (b, c, p) in [
        (1, 5, 0.21875),
        (0, 5, 0.0625),
        (7, 7, 1.0),
        (30, 12, 0.007915897334896727),
        (120, 171, 0.0033087986331269033),
        (1000, 1100, 0.03072070786424249),
    ] {
        close(mcnemar_exact(b, c), p, 1e-12);
    }
    assert_eq!(mcnemar_exact(0, 0), 1.0);
}

/// `scipy.stats.ttest_rel(second, first)` and `scipy.stats.t.interval(0.95, 4, d.mean(), d.std(ddof=1) / 5**0.5)`
#[test]
fn seeds_are_tested_as_in_scipy() {
    let first = [0.612, 0.597, 0.631, 0.588, 0.604];
    let second = [0.633, 0.601, 0.640, 0.612, 0.609];
    let differences: Vec<_> = first.iter().zip(second).map(|(first, second)| second - first).collect();
    let test = PairedTTest::of(&differences).unwrap();
    close(test.t, 3.0328445397543042, 1e-9);
    close(test.p_value, 0.038672493079225705, 1e-9);
    assert_eq!(test.degrees_of_freedom, 4);
    let seeds = SeedMean::of(&differences, 0.95);
    close(seeds.mean.unwrap(), 0.01260000000000001, 1e-12);
    close(seeds.standard_deviation.unwrap(), 0.009289779329994882, 1e-12);
    let interval = seeds.interval.unwrap();
    close(interval.low, 0.001065215454687879, 1e-9);
    close(interval.high, 0.024134784545312142, 1e-9);
}

/// A normal sample of 40: the 95 % interval holds the true mean in about 94 of 100 cases, as theory says of this size.
#[test]
fn the_bootstrap_covers_about_as_often_as_it_says() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let covered = |seed: u64| {
        // A sum of twelve uniform numbers is close to normal, with the mean 6.
        let values: Vec<f64> = (0..40).map(|_| (0..12).map(|_| rng.random::<f64>()).sum()).collect();
        bootstrap_mean(&values, &IntervalConfig { seed, ..quick() }).unwrap().contains(6.0)
    };
    let share = (0..500).map(covered).filter(|&is_covered| is_covered).count() as f64 / 500.0;
    assert!((0.90..=0.98).contains(&share), "{share}");
}

/// Wilson's interval of 60 draws at p = 0.3 and p = 0.05.
#[test]
fn wilson_covers_about_as_often_as_it_says() {
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    for p in [0.3, 0.05] {
        let mut covered = |_| {
            let successes = (0..60).filter(|_| rng.random::<f64>() < p).count();
            wilson_interval(successes, 60, 0.95).unwrap().contains(p)
        };
        let share = (0..2000).filter(|&trial: &i32| covered(trial)).count() as f64 / 2000.0;
        assert!((0.92..=0.985).contains(&share), "{p}: {share}");
    }
}

/// Ten numbers; `scipy.stats.bootstrap((x,), numpy.mean, method="percentile", n_resamples=200000, random_state=0)`.
#[test]
fn the_bootstrap_comes_to_scipys_interval() {
    let values = [3.0, 7.0, 1.0, 9.0, 4.0, 4.0, 8.0, 2.0, 6.0, 10.0];
    let interval = bootstrap_mean(&values, &IntervalConfig { resamples: 20_000, ..quick() }).unwrap();
    close(interval.low, 3.6, 0.1);
    close(interval.high, 7.2, 0.1);
}

/// Constraints of one answer that stand or fall together make an interval wider than as many independent ones.
#[test]
fn rows_are_resampled_whole() {
    let apart: Vec<f64> = (0..80).map(|index| f64::from(index % 2)).collect();
    let together: Vec<(f64, f64)> = (0..20).map(|index| (f64::from(index % 2) * 4.0, 4.0)).collect();
    let width = |interval: trace_score::stats::Interval| interval.high - interval.low;
    let apart = width(bootstrap_mean(&apart, &quick()).unwrap());
    let together = width(bootstrap_ratio(&together, &quick()).unwrap());
    assert!((1.6..2.4).contains(&(together / apart)), "√4 is 2: {together} / {apart}");
}

/// When all seeds agree on every item, only the items vary: the crossed interval is that of the items. When all items of a
/// seed agree, only the seeds vary.
#[test]
fn the_crossed_bootstrap_varies_both_seeds_and_items() {
    let item = |index: i32| Some(f64::from(index % 3));
    let by_item = vec![(0..60).map(item).collect::<Vec<_>>(); 4];
    let crossed = crossed_bootstrap(&by_item, &IntervalConfig { resamples: 4000, ..quick() }).unwrap();
    let values: Vec<f64> = (0..60).filter_map(item).collect();
    let plain = bootstrap_mean(&values, &IntervalConfig { resamples: 4000, ..quick() }).unwrap();
    close(crossed.low, plain.low, 0.03);
    close(crossed.high, plain.high, 0.03);

    let by_seed: Vec<_> = (0..4).map(|seed| vec![Some(f64::from(seed)); 60]).collect();
    let crossed = crossed_bootstrap(&by_seed, &quick()).unwrap();
    assert!(crossed.low < 0.8 && crossed.high > 2.2, "{crossed:?}");
}

proptest! {
    #[test]
    fn wilson_holds_its_share_and_mirrors(n in 1_usize..500, part in 0.0..=1.0, level in 0.5..0.999) {
        let successes = (part * n as f64) as usize;
        let interval = wilson_interval(successes, n, level).unwrap();
        prop_assert!(interval.contains(successes as f64 / n as f64));
        prop_assert!(interval.low >= 0.0 && interval.high <= 1.0 && interval.low < interval.high);
        let mirrored = wilson_interval(n - successes, n, level).unwrap();
        prop_assert!((interval.low - (1.0 - mirrored.high)).abs() < 1e-12);
    }

    #[test]
    fn mcnemar_is_symmetric_and_a_probability(b in 0_usize..300, c in 0_usize..300) {
        let p = mcnemar_exact(b, c);
        prop_assert!((0.0..=1.0).contains(&p));
        prop_assert_eq!(p.to_bits(), mcnemar_exact(c, b).to_bits());
    }

    #[test]
    fn a_bootstrap_is_a_function_of_its_seed(values in prop::collection::vec(-5.0..5.0, 2..30), seed: u64) {
        let config = IntervalConfig { seed, resamples: 50, ..IntervalConfig::default() };
        let interval = bootstrap_mean(&values, &config).unwrap();
        prop_assert_eq!(bootstrap_mean(&values, &config), Some(interval));
        let (low, high) = (values.iter().copied().fold(f64::MAX, f64::min), values.iter().copied().fold(f64::MIN, f64::max));
        prop_assert!(low <= interval.low + 1e-12 && interval.low <= interval.high && interval.high <= high + 1e-12);
    }
}
