#![doc = include_str!("../README.md")]

mod error;
mod judged;
mod paired;
mod scores;
mod seeds;
pub mod stats;

pub use error::ScoreError;
pub use judged::{ConstraintScore, Judged, JudgedConstraint, Verdict};
pub use paired::{PairedMean, PairedScores, PairedShare, RunComparison};
pub use scores::{
    ConstraintScores, CountScores, DimensionScores, Estimate, Failure, InstructionScores, Scores, TypeScores,
};
pub use seeds::{SeedComparison, SeedDifference};
