//! What jobs found, as they write it.

use serde::{Deserialize, Serialize};
use trace_score::Judged;

use crate::bench::measure::Memory;

/// A training job.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Tuned {
    /// The validation score after so many updates; 0 is the start.
    pub curve: Vec<(usize, f64)>,
    /// The update whose weights were kept, and its score; none for a stage without validation.
    pub best: Option<(usize, f64)>,
    /// Updates made in all.
    pub steps: usize,
}

/// What a method's training takes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Cost {
    /// CPU seconds, loading and saving included.
    pub seconds: f64,
    /// Resident memory, above what the process held before it loaded model and rows.
    pub memory: Memory,
}

/// Answers to the test rows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Tested {
    /// Verdicts on the most likely answers.
    pub greedy: Vec<Sheet>,
    /// Verdicts on answers drawn at temperature 1, to rows with one constraint and with several.
    pub sampled: Vec<Sheet>,
}

/// The verdict on one answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Sheet {
    /// Id of the row.
    pub id: String,
    /// Whether every constraint holds, and what else the description asks for: the indicator of Eq. 3.
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
