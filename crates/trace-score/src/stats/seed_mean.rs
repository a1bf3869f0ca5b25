//! One number per seed.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

use super::interval::is_level;
use super::{Interval, mean};

/// The mean of one number per seed, and how far seeds are apart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SeedMean {
    /// The number of each seed.
    pub values: Vec<f64>,
    /// Their mean; `None` without seeds.
    pub mean: Option<f64>,
    /// Their standard deviation, with S − 1 in the denominator; `None` for fewer than two seeds.
    pub standard_deviation: Option<f64>,
    /// mean ± t·s/√S with S − 1 degrees of freedom; `None` for fewer than two seeds.
    pub interval: Option<Interval>,
}

impl SeedMean {
    /// Mean, standard deviation and t-interval.
    ///
    /// The interval shows how far another training run may fall from these, over the same items.
    ///
    /// # Source
    ///
    /// Student, *The probable error of a mean*, Biometrika 6 (1908).
    ///
    /// ```
    /// let seeds = trace_score::stats::SeedMean::of(&[1.0, 2.0, 3.0], 0.95);
    /// assert_eq!((seeds.mean, seeds.standard_deviation), (Some(2.0), Some(1.0)));
    /// assert!((seeds.interval.unwrap().high - 4.484138).abs() < 1e-6); // 2 + 4.302653/√3
    /// ```
    pub fn of(values: &[f64], level: f64) -> Self {
        let mean = mean(values);
        let standard_deviation = mean.and_then(|mean| standard_deviation(values, mean));
        let interval = match (mean, standard_deviation) {
            (Some(mean), Some(deviation)) => t_interval(mean, deviation, values.len(), level),
            _ => None,
        };
        Self { values: values.to_vec(), mean, standard_deviation, interval }
    }
}

fn standard_deviation(values: &[f64], mean: f64) -> Option<f64> {
    // The mean of equal numbers may miss them by a rounding, and they would seem to differ.
    if values.len() > 1 && values.windows(2).all(|pair| pair[0] == pair[1]) {
        return Some(0.0);
    }
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    (values.len() > 1).then(|| (squares / (values.len() - 1) as f64).sqrt())
}

fn t_interval(mean: f64, deviation: f64, count: usize, level: f64) -> Option<Interval> {
    if !is_level(level) {
        return None;
    }
    let distribution = StudentsT::new(0.0, 1.0, (count - 1) as f64).ok()?;
    let half = distribution.inverse_cdf((1.0 + level) / 2.0) * deviation / (count as f64).sqrt();
    Some(Interval { low: mean - half, high: mean + half })
}
