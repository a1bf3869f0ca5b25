//! The ways in which judged rows can be wrong.

use thiserror::Error;

/// What can go wrong while judged rows are scored or compared.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum ScoreError {
    /// A score is not a number from 0 to 10.
    #[error("the score {score} is not within 0 to 10")]
    ScoreOutOfRange {
        /// The score as it was given.
        score: f64,
    },
    /// Rows of one run have the same id.
    #[error("{run} has {count} ids more than once, among them {}", list(ids))]
    DuplicateIds {
        /// Which run.
        run: String,
        /// How many ids occur more than once.
        count: usize,
        /// The first of them.
        ids: Vec<String>,
    },
    /// Two runs are not over the same rows.
    #[error(
        "the runs have different rows: {only_first} only in {first} ({}), {only_second} only in {second} ({})",
        list(first_ids),
        list(second_ids)
    )]
    UnmatchedIds {
        /// One run.
        first: String,
        /// The other.
        second: String,
        /// How many rows only the first has.
        only_first: usize,
        /// The ids of some of them.
        first_ids: Vec<String>,
        /// How many rows only the second has.
        only_second: usize,
        /// The ids of some of them.
        second_ids: Vec<String>,
    },
    /// Rows of the same id ask for different things.
    #[error(
        "prompt or constraints differ between {first} and {second} in {count} rows, among them {}",
        list(ids)
    )]
    DifferentRows {
        /// One run.
        first: String,
        /// The other.
        second: String,
        /// How many rows differ.
        count: usize,
        /// The ids of some of them.
        ids: Vec<String>,
    },
    /// Two systems have different numbers of runs, so that seeds cannot be paired.
    #[error("{first} runs cannot be paired with {second}: there must be one of each for every seed")]
    UnpairedSeeds {
        /// Runs of the first system.
        first: usize,
        /// Runs of the second system.
        second: usize,
    },
    /// The level of an interval is not between 0 and 1.
    #[error("the level of an interval must lie between 0 and 1, and {level} does not")]
    Level {
        /// The level as it was given.
        level: f64,
    },
    /// No resamples are asked for.
    #[error("a bootstrap needs at least one resample")]
    NoResamples,
}

/// So many ids are shown; their number is always told in full.
pub(crate) const MAX_IDS: usize = 10;

fn list(ids: &[String]) -> String {
    match ids.is_empty() {
        true => "none".to_owned(),
        false => ids.iter().map(|id| format!("{id:?}")).collect::<Vec<_>>().join(", "),
    }
}
