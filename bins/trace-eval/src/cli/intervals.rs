//! The arguments of everything that has intervals.

use clap::Args;
use trace_score::stats::IntervalConfig;

/// How intervals are made.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct IntervalArgs {
    /// The level of intervals, between 0 and 1.
    #[arg(long, default_value_t = IntervalConfig::default().level)]
    level: f64,

    /// Resamples of the bootstrap, at most 1,000,000.
    #[arg(long, value_name = "N", default_value_t = IntervalConfig::default().resamples)]
    resamples: usize,

    /// The seed of the bootstrap.
    #[arg(long, value_name = "SEED", default_value_t = IntervalConfig::default().seed)]
    bootstrap_seed: u64,
}

impl From<IntervalArgs> for IntervalConfig {
    fn from(typed: IntervalArgs) -> Self {
        Self { level: typed.level, resamples: typed.resamples, seed: typed.bootstrap_seed }
    }
}
