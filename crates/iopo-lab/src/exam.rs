//! Rows to answer, and the verifiers' verdicts on answers.

use trace_schema::Constraint;
use trace_score::{Judged, JudgedConstraint, Verdict};
use trace_world::{EvaluationKind, Task, TaskSampler, WorldRng};

use crate::error::LabError;
use crate::recipe::ExamSizes;
use crate::rows::{Attempts, Reserved};

/// One row to answer.
#[derive(Debug, Clone)]
pub struct Question {
    /// Unique in the exam.
    pub id: String,
    /// The kind of evaluation row.
    pub kind: EvaluationKind,
    /// The task of the world.
    pub task: Task,
}

/// Rows to answer.
#[derive(Debug, Clone)]
pub struct Exam {
    /// The rows, kind by kind.
    pub questions: Vec<Question>,
}

impl Exam {
    /// Samples rows whose prompts are not reserved, each prompt once.
    ///
    /// # Errors
    /// A sampler that finds no task, and more rows than the world has.
    pub fn draw(
        sampler: &TaskSampler,
        sizes: &ExamSizes,
        reserved: &Reserved,
        rng: &mut WorldRng,
    ) -> Result<Self, LabError> {
        let mut seen = reserved.clone();
        let mut questions = Vec::new();
        for kind in EvaluationKind::ALL {
            let (sampler, rows) = (kind.sampler(sampler)?, sizes.of(kind));
            let mut number = 0;
            let mut attempts = Attempts::sampled(kind.name(), rows);
            while number < rows {
                attempts.next(number)?;
                let task = sampler.sample(rng)?;
                if seen.insert(task.prompt()) {
                    questions.push(Question { id: format!("{}-{number}", kind.name()), kind, task });
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
