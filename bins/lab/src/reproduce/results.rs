//! Results of jobs, as they are written.

use serde::{Deserialize, Serialize};
use trace_score::Judged;

use crate::bench::measure::Memory;

/// A training job.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Tuned {
    /// The validation score after so many updates; 0 is the start.
    pub curve: Vec<(usize, f64)>,
    /// The update whose weights were kept, and its score; `None` for a stage without validation.
    pub best: Option<(usize, f64)>,
    /// Updates made in all.
    pub steps: usize,
}

/// The cost of a method's training.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Cost {
    /// CPU seconds, with loading and saving.
    pub seconds: f64,
    /// Resident memory above the size of the process before it loaded model and rows.
    pub memory: Memory,
}

/// Answers to the test rows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Tested {
    /// Verdicts on greedy answers.
    pub greedy: Vec<Sheet>,
    /// Verdicts on answers sampled at temperature 1, to rows with one constraint and with several.
    pub sampled: Vec<Sheet>,
}

/// The verdict on one answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Sheet {
    /// Id of the row.
    pub id: String,
    /// Whether the answer follows every constraint, and the defaults of the description: the indicator of Eq. 3.
    pub followed: bool,
    /// Mean score of the constraints, 0 to 10.
    pub mean_score: f64,
}

impl Sheet {
    pub fn of(row: &Judged) -> Self {
        Self {
            id: row.id.clone(),
            followed: row.followed() == Some(true),
            mean_score: row.mean_score().unwrap_or_default(),
        }
    }
}
