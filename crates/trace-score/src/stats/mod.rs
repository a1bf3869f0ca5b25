//! Estimates, intervals and tests, for counts and means.
//!
//! | question | function |
//! |---|---|
//! | a share of items | [`wilson_interval`] |
//! | a mean over items | [`bootstrap_mean`], [`bootstrap_ratio`] |
//! | two systems, the same items, right or wrong | [`mcnemar_exact`] |
//! | a mean over seeds | [`SeedMean`] |
//! | two systems, the same seeds | [`PairedTTest`] |
//! | two systems, the same seeds and items | [`crossed_bootstrap`] |
//! | a p-value in a table | [`p_value_text`] |
//!
//! An undefined number (a share of no items, the spread of one number) is `None`, never NaN. Every bootstrap starts its
//! own stream of random numbers from the seed, so that a result depends on its own items only.

mod bootstrap;
mod estimate;
mod interval;
mod mcnemar;
mod p_value;
mod seed_mean;
mod t_test;
mod wilson;

pub use bootstrap::{bootstrap_mean, bootstrap_ratio, crossed_bootstrap};
pub use estimate::Estimate;
pub use interval::{Interval, IntervalConfig};
pub use mcnemar::mcnemar_exact;
pub use p_value::p_value_text;
pub use seed_mean::SeedMean;
pub use t_test::PairedTTest;
pub use wilson::wilson_interval;

/// The arithmetic mean of at least one number.
pub(crate) fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}
