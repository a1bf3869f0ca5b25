//! An interval, and how intervals are made.

use serde::{Deserialize, Serialize};

use crate::ScoreError;

/// More change an interval in digits that nobody reads.
const MAX_RESAMPLES: usize = 1_000_000;

/// The ends of a confidence interval, in the unit of the value.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Interval {
    /// Whether a value lies within, the ends included.
    pub fn contains(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }
}

/// How intervals are made.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IntervalConfig {
    /// The share of intervals that hold the true value in the long run, between 0 and 1; 0.95 by default.
    pub level: f64,
    /// The number of bootstrap resamples, from 1 to 1,000,000; 2,000 by default.
    pub resamples: usize,
    /// The seed of the bootstrap's random numbers; 0 by default.
    pub seed: u64,
}

impl Default for IntervalConfig {
    fn default() -> Self {
        Self { level: 0.95, resamples: 2_000, seed: 0 }
    }
}

impl IntervalConfig {
    /// Checks that intervals can be made.
    ///
    /// # Errors
    ///
    /// A level that does not lie between 0 and 1, no resamples, or more than 1,000,000.
    pub fn validate(&self) -> Result<(), ScoreError> {
        if !is_level(self.level) {
            let level = self.level;
            let message = format!("the level of an interval must lie between 0 and 1, and {level} does not");
            return Err(ScoreError::new(message));
        }
        match self.resamples {
            0 => Err(ScoreError::new("a bootstrap needs at least one resample")),
            1..=MAX_RESAMPLES => Ok(()),
            more => {
                let message =
                    format!("a bootstrap has at most {MAX_RESAMPLES} resamples, and {more} are asked for");
                Err(ScoreError::new(message))
            }
        }
    }
}

/// Whether a level lies between 0 and 1, both excluded.
pub(super) fn is_level(level: f64) -> bool {
    level > 0.0 && level < 1.0
}
