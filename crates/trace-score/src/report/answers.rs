//! Answers to read one by one.

use serde::Serialize;

use crate::paired::match_rows;
use crate::{Judged, ScoreError};

/// Answers of several systems to the same prompts, side by side.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Answers {
    /// The systems.
    pub systems: Vec<String>,
    /// The prompts, each with an answer of every system.
    pub rows: Vec<AnswerRow>,
    /// How many rows there are in all, of which `rows` may be a part.
    pub total: usize,
}

/// A prompt and its answers.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct AnswerRow {
    /// The id of the row.
    pub id: String,
    /// The prompt.
    pub prompt: String,
    /// The constraints as the prompt has them.
    pub constraints: Vec<String>,
    /// The dimension of each constraint; empty where there is none.
    pub dimensions: Vec<String>,
    /// An answer of each system, in their order.
    pub answers: Vec<Answer>,
}

/// An answer and its verdict.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Answer {
    /// The answer.
    pub text: String,
    /// The score of each constraint, from 0 to 10; empty when the judgement failed.
    pub scores: Vec<f64>,
    /// Whether the rest of what the description requires holds; `None` when the judgement failed.
    pub also_required: Option<bool>,
    /// Whether the answer follows the whole instruction; `None` when the judgement failed.
    pub followed: Option<bool>,
    /// Why the judgement failed, if it did.
    pub failure: Option<String>,
}

impl Answers {
    /// Puts the runs of several systems side by side, matched by id, in the order of the first.
    ///
    /// # Errors
    ///
    /// An id that occurs twice in a run, and runs over different rows.
    pub fn of(runs: &[(&str, &[Judged])]) -> Result<Self, ScoreError> {
        let Some(&(first_name, first)) = runs.first() else {
            return Ok(Self::default());
        };
        let mut rows: Vec<AnswerRow> = first.iter().map(prompt_of).collect();
        for &(name, run) in runs {
            let pairs = match_rows((first, first_name), (run, name))?;
            for (row, (_, judged)) in rows.iter_mut().zip(pairs) {
                row.answers.push(answer_of(judged));
            }
        }
        let systems = runs.iter().map(|(name, _)| (*name).to_owned()).collect();
        Ok(Self { systems, total: rows.len(), rows })
    }

    /// Keeps the first `limit` rows that are wanted; the page shows how many there were.
    #[must_use]
    pub fn keep(mut self, limit: usize, wanted: impl FnMut(&AnswerRow) -> bool) -> Self {
        self.rows.retain(wanted);
        self.rows.truncate(limit);
        self
    }
}

impl AnswerRow {
    /// Whether the systems differ in whether they follow the instruction.
    pub fn is_split(&self) -> bool {
        self.answers.windows(2).any(|pair| pair[0].followed != pair[1].followed)
    }
}

fn prompt_of(row: &Judged) -> AnswerRow {
    AnswerRow {
        id: row.id.clone(),
        prompt: row.prompt.clone(),
        constraints: row.constraints().map(|(text, _, _)| text.to_owned()).collect(),
        dimensions: row
            .constraints()
            .map(|(_, label, _)| label.map_or("", |label| label.name()).to_owned())
            .collect(),
        answers: Vec::new(),
    }
}

fn answer_of(row: &Judged) -> Answer {
    let also_required = match &row.verdict {
        crate::Verdict::Scored { also_required, .. } => Some(*also_required),
        crate::Verdict::Failed { .. } => None,
    };
    Answer {
        text: row.answer.clone(),
        scores: row.constraints().filter_map(|(_, _, score)| score.map(|score| score.value())).collect(),
        also_required,
        followed: row.followed(),
        failure: row.failure().map(str::to_owned),
    }
}
