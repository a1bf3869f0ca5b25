//! A number with its interval and the items it rests on.

use serde::{Deserialize, Serialize};

use super::{Interval, IntervalConfig, bootstrap_ratio, wilson_interval};

/// A share or a mean, its interval, and how many items it rests on.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Estimate {
    /// The share, from 0 to 1, or the mean; `None` where there are no items.
    pub value: Option<f64>,
    /// The confidence interval; `None` where it is undefined.
    pub interval: Option<Interval>,
    /// The items that the value rests on. Failed ones are not among them.
    pub n: usize,
    /// The failed items, which the value leaves out.
    pub n_failed: usize,
}

impl Estimate {
    /// The share `successes / n` with Wilson's interval.
    pub fn share(successes: usize, n: usize, n_failed: usize, config: &IntervalConfig) -> Self {
        let value = (n > 0).then(|| successes as f64 / n as f64);
        Self { value, interval: wilson_interval(successes, n, config.level), n, n_failed }
    }

    /// The mean of values with a bootstrap interval.
    pub fn mean(values: &[f64], n_failed: usize, config: &IntervalConfig) -> Self {
        let rows: Vec<_> = values.iter().map(|&value| (value, 1)).collect();
        Self::mean_of_rows(&rows, n_failed, config)
    }

    /// The mean Σ sums / Σ counts of items that come in rows, with a bootstrap over whole rows; `n` counts items.
    pub fn mean_of_rows(rows: &[(f64, usize)], n_failed: usize, config: &IntervalConfig) -> Self {
        let n: usize = rows.iter().map(|row| row.1).sum();
        let sum: f64 = rows.iter().map(|row| row.0).sum();
        let parts: Vec<_> = rows.iter().map(|&(sum, count)| (sum, count as f64)).collect();
        let value = (n > 0).then(|| sum / n as f64);
        Self { value, interval: bootstrap_ratio(&parts, config), n, n_failed }
    }

    /// A number quoted from elsewhere, a paper for instance, without interval or items.
    pub const fn quoted(value: f64) -> Self {
        Self { value: Some(value), interval: None, n: 0, n_failed: 0 }
    }
}
