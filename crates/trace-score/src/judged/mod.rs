//! One answer and its verdict.

mod fields;
mod score;

use serde::{Deserialize, Serialize};
use trace_schema::{Constraint, DimensionLabel, Record, RowError, UnknownLabels};

pub use score::ConstraintScore;

/// An answered instruction with its verdict: one row of a file of verdicts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "fields::Fields", into = "fields::Fields")]
pub struct Judged {
    /// Unique within the run; the id of the evaluation row.
    pub id: String,
    /// The prompt, as the system saw it.
    pub prompt: String,
    /// The answer of the system.
    pub answer: String,
    /// The verdict.
    pub verdict: Verdict,
}

/// The verdict on an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// Every constraint has a score.
    Scored {
        /// The constraints in the order of the prompt.
        constraints: Vec<JudgedConstraint>,
        /// Whether the requirements hold that the description makes beside the numbered constraints; `true` where there
        /// are none.
        also_required: bool,
    },
    /// There is no score. The row counts as failed, neither as right nor as wrong.
    Failed {
        /// The constraints in the order of the prompt, so that the failure is counted where it belongs.
        constraints: Vec<Constraint>,
        /// Why there is no score.
        reason: String,
    },
}

/// A constraint and how well it is followed.
#[derive(Debug, Clone, PartialEq)]
pub struct JudgedConstraint {
    /// The requirement as the prompt shows it.
    pub text: String,
    /// What the requirement is about, when that is known.
    pub dimension: Option<DimensionLabel>,
    /// How well the answer follows it.
    pub score: ConstraintScore,
}

impl Judged {
    /// Whether the answer follows the whole instruction; `None` for a failed row.
    ///
    /// ```text
    /// 1 if every S_ij is 10 and what else the description requires holds, else 0
    /// ```
    ///
    /// An instruction without constraints is followed when the rest of its requirements hold.
    ///
    /// # Source
    ///
    /// IOPO (ACL 2025), Eq. 3: the mean of scores in 0..=10 is 10 exactly when all of them are.
    pub fn followed(&self) -> Option<bool> {
        match &self.verdict {
            Verdict::Scored { constraints, also_required } => {
                Some(*also_required && constraints.iter().all(|constraint| constraint.score.is_full()))
            }
            Verdict::Failed { .. } => None,
        }
    }

    /// The mean score of the constraints, from 0 to 10; `None` for a failed row and for one without constraints.
    ///
    /// # Source
    ///
    /// The inner mean of IOPO (ACL 2025), Eq. 3.
    pub fn mean_score(&self) -> Option<f64> {
        match &self.verdict {
            Verdict::Scored { constraints, .. } if !constraints.is_empty() => {
                let sum: f64 = constraints.iter().map(|constraint| constraint.score.value()).sum();
                Some(sum / constraints.len() as f64)
            }
            _ => None,
        }
    }

    /// How many constraints the instruction has.
    pub fn constraint_count(&self) -> usize {
        match &self.verdict {
            Verdict::Scored { constraints, .. } => constraints.len(),
            Verdict::Failed { constraints, .. } => constraints.len(),
        }
    }

    /// Why there is no verdict, for a failed row.
    pub fn failure(&self) -> Option<&str> {
        match &self.verdict {
            Verdict::Scored { .. } => None,
            Verdict::Failed { reason, .. } => Some(reason),
        }
    }

    /// Text, label and score of every constraint in order; a failed row has no scores.
    pub fn constraints(
        &self,
    ) -> impl Iterator<Item = (&str, Option<&DimensionLabel>, Option<ConstraintScore>)> + '_ {
        let (scored, failed): (&[JudgedConstraint], &[Constraint]) = match &self.verdict {
            Verdict::Scored { constraints, .. } => (constraints, &[]),
            Verdict::Failed { constraints, .. } => (&[], constraints),
        };
        let scored =
            scored.iter().map(|judged| (judged.text.as_str(), judged.dimension.as_ref(), Some(judged.score)));
        let failed =
            failed.iter().map(|constraint| (constraint.text.as_str(), constraint.dimension.as_ref(), None));
        scored.chain(failed)
    }
}

impl Record for Judged {
    fn id(&self) -> Option<&str> {
        Some(&self.id)
    }

    fn validate(&self, unknown_labels: UnknownLabels) -> Result<(), RowError> {
        if self.id.trim().is_empty() {
            return Err(RowError::invalid("the id is empty"));
        }
        for (index, (text, dimension, _)) in self.constraints().enumerate() {
            if text.trim().is_empty() {
                return Err(RowError::invalid(format!("constraints[{index}] is an empty constraint")));
            }
            if let (Some(DimensionLabel::Unknown(label)), UnknownLabels::Error) = (dimension, unknown_labels)
            {
                let field = format!("constraints[{index}].dimension");
                return Err(RowError::UnknownLabel { field, label: label.clone() });
            }
        }
        Ok(())
    }
}
