//! Two systems over the same seeds.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

use super::SeedMean;

/// Student's paired t-test.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PairedTTest {
    /// The mean difference over its standard error.
    pub t: f64,
    /// Pairs − 1.
    pub degrees_of_freedom: usize,
    /// Two-sided: how often chance alone gives a |t| as large.
    pub p_value: f64,
}

impl PairedTTest {
    /// Tests whether differences have the mean 0.
    ///
    /// ```text
    /// t = d̄ / (s/√S),   p = 2·P[T ≥ |t|],   T ~ Student with S − 1 degrees of freedom
    /// ```
    ///
    /// `None` for fewer than two differences, and where all are the same, since t then has the denominator 0.
    ///
    /// With five seeds the smallest p-value of Wilcoxon's signed-rank test is 0.0625, whatever the differences are; this
    /// is why seeds are tested with t.
    ///
    /// # Source
    ///
    /// Student, *The probable error of a mean*, Biometrika 6 (1908).
    pub fn of(differences: &[f64]) -> Option<Self> {
        // The level does not enter here.
        let seeds = SeedMean::of(differences, 0.5);
        let (mean, deviation) = (seeds.mean?, seeds.standard_deviation?);
        if deviation == 0.0 {
            return None;
        }
        let t = mean / (deviation / (differences.len() as f64).sqrt());
        let degrees_of_freedom = differences.len() - 1;
        let distribution = StudentsT::new(0.0, 1.0, degrees_of_freedom as f64).ok()?;
        Some(Self { t, degrees_of_freedom, p_value: 2.0 * distribution.cdf(-t.abs()) })
    }
}
