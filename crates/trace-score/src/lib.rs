#![doc = include_str!("../README.md")]

pub mod cfbench;
mod comparison;
pub mod complexbench;
mod data;
mod error;
pub mod ifeval;
mod judged;
mod paired;
mod python;
mod reasoning;
pub mod report;
mod scores;
mod seeds;
pub mod stats;
mod table;
pub mod trace;

pub use comparison::{Comparison, Improvement, Metric, MetricScale, System};
pub use data::DataError;
pub use error::{ScoreError, UnreadableAnswer};
pub use judged::{ConstraintScore, Judged, JudgedConstraint, Verdict};
pub use paired::{PairedMean, PairedScores, PairedShare, RunComparison};
pub use reasoning::{Parted, ReasoningCounts, ReasoningMode, part_reasoning, part_reasoning_after};
pub use scores::{
    ConstraintScores, CountScores, DimensionScores, Estimate, Failure, InstructionScores, Scores, TypeScores,
};
pub use seeds::{SeedComparison, SeedDifference};
pub use table::{Cell, Column, Table};
