//! The score of one constraint.

use serde::{Deserialize, Serialize, Serializer};

use crate::ScoreError;

/// How well a constraint is followed, S_ij ∈ [0, 10].
///
/// A checker that answers yes or no gives 10 or 0; a judge may give any number between, and the median of an even
/// number of votes is one.
///
/// # Source
///
/// IOPO (ACL 2025), Sec. 4.3.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Deserialize)]
#[serde(try_from = "f64")]
pub struct ConstraintScore(f64);

impl ConstraintScore {
    /// Fully followed.
    pub const FULL: Self = Self(10.0);
    /// Not followed at all.
    pub const NONE: Self = Self(0.0);

    /// A score from 0 to 10.
    ///
    /// # Errors
    ///
    /// Any other number.
    pub fn new(score: f64) -> Result<Self, ScoreError> {
        match (0.0..=10.0).contains(&score) {
            // Adding zero turns -0 into 0.
            true => Ok(Self(score + 0.0)),
            false => Err(ScoreError::new(format!("the score {score} is not within 0 to 10"))),
        }
    }

    /// The score as a number.
    pub const fn value(self) -> f64 {
        self.0
    }

    /// Whether the constraint is fully followed, the paper's 𝕀₌₁₀.
    pub fn is_full(self) -> bool {
        self.0 == Self::FULL.0
    }
}

impl From<bool> for ConstraintScore {
    fn from(followed: bool) -> Self {
        if followed { Self::FULL } else { Self::NONE }
    }
}

impl TryFrom<f64> for ConstraintScore {
    type Error = ScoreError;

    fn try_from(score: f64) -> Result<Self, ScoreError> {
        Self::new(score)
    }
}

impl Serialize for ConstraintScore {
    /// Whole scores are written without a point, as judges write them.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.fract() == 0.0 {
            true => serializer.serialize_u8(self.0 as u8),
            false => serializer.serialize_f64(self.0),
        }
    }
}
