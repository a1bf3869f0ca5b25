//! Rows to answer, and the verifiers' verdicts on answers.

use serde::{Deserialize, Serialize};
use trace_schema::Constraint;
use trace_score::{Judged, JudgedConstraint, Verdict};
use trace_synthesis::world::{CountDistribution, HeldOut, Task, TaskSampler, WorldRng};

use crate::error::LabError;
use crate::recipe::ExamSizes;
use crate::rows::Reserved;

/// A part of an exam.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// One constraint: IF-S.
    Single,
    /// Several, as in training: IF-M.
    Multi,
    /// Two dimensions that never met in training.
    HeldOutPairs,
    /// More constraints than in training.
    More,
}

impl Part {
    /// All parts, easiest first.
    pub const ALL: [Self; 4] = [Self::Single, Self::Multi, Self::HeldOutPairs, Self::More];

    /// The name in tables.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Single => "IF-S",
            Self::Multi => "IF-M",
            Self::HeldOutPairs => "held-out pairs",
            Self::More => "more constraints",
        }
    }

    /// What the ids of its questions begin with.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Multi => "multi",
            Self::HeldOutPairs => "pairs",
            Self::More => "more",
        }
    }
}

/// One row to answer.
#[derive(Debug, Clone)]
pub struct Question {
    /// Unique in the exam.
    pub id: String,
    /// Where it belongs.
    pub part: Part,
    /// What it means.
    pub task: Task,
}

/// Rows to answer.
#[derive(Debug, Clone)]
pub struct Exam {
    /// The rows, part by part.
    pub questions: Vec<Question>,
}

impl Exam {
    /// Draws rows whose prompts are not reserved, each prompt once.
    ///
    /// # Errors
    /// A sampler that finds no task.
    pub fn draw(
        sampler: &TaskSampler,
        sizes: &ExamSizes,
        reserved: &Reserved,
        rng: &mut WorldRng,
    ) -> Result<Self, LabError> {
        let most = sampler.count_distribution().largest();
        let mut seen = reserved.clone();
        let mut questions = Vec::new();
        for part in Part::ALL {
            let (sampler, rows) = match part {
                Part::Single => (sampler.clone().counts(CountDistribution::up_to(1)), sizes.single),
                Part::Multi => {
                    (sampler.clone().counts(sampler.count_distribution().at_least(2)?), sizes.multi)
                }
                Part::HeldOutPairs => {
                    let counts = sampler.count_distribution().at_least(2)?;
                    (sampler.clone().counts(counts).held_out(HeldOut::Require), sizes.held_out_pairs)
                }
                Part::More => {
                    (sampler.clone().counts(CountDistribution::between(most + 1, most + 2)), sizes.more)
                }
            };
            let mut number = 0;
            while number < rows {
                let task = sampler.sample(rng)?;
                if seen.insert(task.prompt()) {
                    questions.push(Question { id: format!("{}-{number}", part.prefix()), part, task });
                    number += 1;
                }
            }
        }
        Ok(Self { questions })
    }

    /// The prompts, which no training row may have.
    #[must_use]
    pub fn prompts(&self) -> Reserved {
        self.questions.iter().map(|question| question.task.prompt()).collect()
    }

    /// Verdicts on answers in the order of the questions.
    #[must_use]
    pub fn judge(&self, answers: Vec<String>) -> Vec<Judged> {
        self.questions.iter().zip(answers).map(|(question, answer)| judged(question, answer)).collect()
    }
}

fn judged(question: &Question, answer: String) -> Judged {
    let verdict = question.task.verdict(&answer);
    let instruction = question.task.instruction();
    let constraint = |(constraint, holds): (&Constraint, &bool)| JudgedConstraint {
        text: constraint.text.clone(),
        dimension: constraint.dimension.clone(),
        score: (*holds).into(),
    };
    Judged {
        id: question.id.clone(),
        prompt: instruction.prompt(),
        answer,
        verdict: Verdict::Scored {
            constraints: instruction.constraints.iter().zip(&verdict.constraints).map(constraint).collect(),
            also_required: verdict.defaults.iter().all(|(_, holds)| *holds),
        },
    }
}
