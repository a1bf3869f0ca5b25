//! How many constraints tasks have.

use crate::rng::below;
use crate::{WorldError, WorldRng};

/// The paper's training set: instructions with 1 to 15 constraints.
const PAPER_TRAINING: [u32; 15] =
    [991, 8_003, 26_421, 34_155, 26_327, 13_858, 5_882, 2_185, 999, 464, 8, 20, 20, 8, 4];

/// The paper's evaluation set, as its table states it.
const PAPER_EVALUATION: [u32; 15] = [200, 100, 100, 100, 100, 100, 100, 100, 100, 10, 10, 10, 4, 4, 4];

/// How often tasks have 1, 2, 3 and so on constraints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountDistribution {
    weights: Vec<u32>,
}

impl CountDistribution {
    /// Weights of 1, 2, 3 and so on constraints.
    ///
    /// # Errors
    ///
    /// [`WorldError::Sampler`] when no weight is above 0.
    pub fn new(weights: Vec<u32>) -> Result<Self, WorldError> {
        match weights.iter().any(|weight| *weight > 0) {
            true => Ok(Self { weights }),
            false => Err(WorldError::sampler("all weights of the counts are 0")),
        }
    }

    /// The training set of the paper: 119,345 instructions, 4.36 constraints on average.
    ///
    /// # Source
    ///
    /// IOPO (ACL 2025), Table 2, first row.
    pub fn paper_training() -> Self {
        Self { weights: PAPER_TRAINING.to_vec() }
    }

    /// The evaluation set of the paper: 1,042 instructions. The released file differs in some counts.
    ///
    /// # Source
    ///
    /// IOPO (ACL 2025), Table 2, second row.
    pub fn paper_evaluation() -> Self {
        Self { weights: PAPER_EVALUATION.to_vec() }
    }

    /// From 1 to `most` constraints, all equally often; at least 1.
    pub fn up_to(most: usize) -> Self {
        Self { weights: vec![1; most.max(1)] }
    }

    /// From `least` to `most` constraints, all equally often. Numbers below 1 count as 1, and `most` as at least `least`.
    pub fn between(least: usize, most: usize) -> Self {
        let least = least.max(1);
        let most = most.max(least);
        Self { weights: (1..=most).map(|count| u32::from(count >= least)).collect() }
    }

    /// The same weights, for tasks with at least `least` constraints.
    ///
    /// # Errors
    ///
    /// [`WorldError::Sampler`] when no weight is left.
    pub fn at_least(&self, least: usize) -> Result<Self, WorldError> {
        let weight = |(index, weight): (usize, &u32)| if index + 1 >= least { *weight } else { 0 };
        Self::new(self.weights.iter().enumerate().map(weight).collect())
    }

    /// The weights of 1, 2, 3 and so on constraints.
    pub fn weights(&self) -> &[u32] {
        &self.weights
    }

    /// The largest number of constraints.
    pub fn largest(&self) -> usize {
        self.weights.iter().rposition(|weight| *weight > 0).map_or(0, |index| index + 1)
    }

    /// Samples a number of constraints.
    pub fn draw(&self, rng: &mut WorldRng) -> usize {
        let total = self.weights.iter().map(|weight| *weight as usize).sum();
        let mut rest = below(total, rng);
        for (index, weight) in self.weights.iter().enumerate() {
            match rest.checked_sub(*weight as usize) {
                Some(left) => rest = left,
                None => return index + 1,
            }
        }
        self.largest()
    }
}
