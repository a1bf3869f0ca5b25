//! The keys of a judged row in a file.

use serde::{Deserialize, Serialize};
use trace_schema::{Constraint, DimensionLabel};

use super::{ConstraintScore, Judged, JudgedConstraint, Verdict};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fields {
    id: String,
    prompt: String,
    answer: String,
    #[serde(default)]
    constraints: Vec<ConstraintFields>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    also_required: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failed: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ConstraintFields {
    text: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dimension: Option<DimensionLabel>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    score: Option<ConstraintScore>,
}

impl TryFrom<Fields> for Judged {
    type Error = String;

    fn try_from(fields: Fields) -> Result<Self, String> {
        let Fields { id, prompt, answer, constraints, also_required, failed } = fields;
        let verdict = match failed {
            None => scored(constraints, also_required.unwrap_or(true))?,
            Some(_) if also_required.is_some() => {
                return Err("also_required is given, but the row is marked as failed".to_owned());
            }
            Some(reason) => failure(constraints, reason)?,
        };
        Ok(Self { id, prompt, answer, verdict })
    }
}

fn scored(constraints: Vec<ConstraintFields>, also_required: bool) -> Result<Verdict, String> {
    let judged = |(index, fields): (usize, ConstraintFields)| {
        let ConstraintFields { text, dimension, score } = fields;
        let score = score.ok_or_else(|| {
            format!("constraints[{index}] has no score, and the row has no key \"failed\" that says why")
        })?;
        Ok(JudgedConstraint { text, dimension, score })
    };
    let constraints = constraints.into_iter().enumerate().map(judged).collect::<Result<_, String>>()?;
    Ok(Verdict::Scored { constraints, also_required })
}

fn failure(constraints: Vec<ConstraintFields>, reason: String) -> Result<Verdict, String> {
    let plain = |(index, fields): (usize, ConstraintFields)| match fields.score {
        Some(_) => Err(format!("constraints[{index}] has a score, but the row is marked as failed")),
        None => Ok(Constraint { text: fields.text, dimension: fields.dimension }),
    };
    let constraints = constraints.into_iter().enumerate().map(plain).collect::<Result<_, String>>()?;
    Ok(Verdict::Failed { constraints, reason })
}

impl From<Judged> for Fields {
    fn from(judged: Judged) -> Self {
        let Judged { id, prompt, answer, verdict } = judged;
        let (constraints, also_required, failed) = match verdict {
            Verdict::Scored { constraints, also_required } => {
                let fields = |JudgedConstraint { text, dimension, score }| ConstraintFields {
                    text,
                    dimension,
                    score: Some(score),
                };
                (constraints.into_iter().map(fields).collect(), Some(also_required), None)
            }
            Verdict::Failed { constraints, reason } => {
                let fields =
                    |Constraint { text, dimension }| ConstraintFields { text, dimension, score: None };
                (constraints.into_iter().map(fields).collect(), None, Some(reason))
            }
        };
        Self { id, prompt, answer, constraints, also_required, failed }
    }
}
