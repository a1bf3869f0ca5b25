//! The ways in which a judge's answer fails.

use thiserror::Error;

/// Why an answer gives no scores. The message can be shown to the judge when it is asked again.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum JudgementError {
    /// The answer is longer than a judge's answer can be.
    #[error("the answer has {length} bytes, more than {limit}")]
    TooLong {
        /// The length in bytes.
        length: usize,
        /// The longest that is parsed.
        limit: usize,
    },
    /// There is no JSON object where the scores should be.
    #[error("found no JSON object with the scores of the constraints after \"Fine Grained Score\"")]
    NoScores,
    /// The number of scores is not that of the constraints, and their keys do not tell which are meant.
    #[error("{found} scores for {expected} constraints")]
    CountMismatch {
        /// The number of constraints.
        expected: usize,
        /// The number of scores.
        found: usize,
    },
    /// A key is no constraint of the instruction, while others are, in another order.
    #[error("{key:?} is none of the constraints")]
    UnknownConstraint {
        /// The key.
        key: String,
    },
    /// A constraint is scored more often than it stands in the instruction.
    #[error("{key:?} is scored more than once")]
    DuplicateConstraint {
        /// The key that came once too often.
        key: String,
    },
    /// A constraint has no score.
    #[error("no score for the constraint {text:?}")]
    MissingConstraint {
        /// The constraint.
        text: String,
    },
    /// A score is text, a list or another thing that is no number.
    #[error("the score of {key:?} is not a number")]
    NotANumber {
        /// The key.
        key: String,
    },
    /// A score lies outside of the scale.
    #[error("the score of {key:?} is {value}, not between 0 and 10")]
    OutOfRange {
        /// The key.
        key: String,
        /// The score.
        value: f64,
    },
    /// A score is a fraction.
    #[error("the score of {key:?} is {value}, not a whole number")]
    NotWhole {
        /// The key.
        key: String,
        /// The score.
        value: f64,
    },
    /// There is no overall score after the scores of the constraints.
    #[error("found no \"Constraints Overall Score: [[d]]\" after the scores of the constraints")]
    NoOverall,
    /// What follows the heading of the overall score is not of the form `[[d]]`.
    #[error("the overall score is {found:?}, not of the form [[d]]")]
    BadOverall {
        /// What stands there, at most 40 characters of it.
        found: String,
    },
    /// The overall score lies outside of the scale.
    #[error("the overall score is {value}, not between 0 and 10")]
    OverallOutOfRange {
        /// The score.
        value: f64,
    },
}

impl JudgementError {
    pub(super) fn bad_overall(found: &str) -> Self {
        Self::BadOverall { found: found.trim().chars().take(40).collect() }
    }
}
