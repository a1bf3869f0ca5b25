#![doc = include_str!("../README.md")]

mod comparison;
mod error;
mod judged;
mod paired;
pub mod report;
mod scores;
mod seeds;
pub mod stats;
mod table;

pub use comparison::{Comparison, ComparisonError, Improvement, Metric, MetricScale, System};
pub use error::ScoreError;
pub use judged::{ConstraintScore, Judged, JudgedConstraint, Verdict};
pub use paired::{PairedMean, PairedScores, PairedShare, RunComparison};
pub use scores::{
    ConstraintScores, CountScores, DimensionScores, Estimate, Failure, InstructionScores, Scores, TypeScores,
};
pub use seeds::{SeedComparison, SeedDifference};
pub use table::{Cell, Column, Table};
pub mod ifeval;
