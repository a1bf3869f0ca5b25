//! Validation while training: answers to held-out rows, judged by rule.

use std::collections::BTreeMap;
use std::error::Error;

use iopo_model::CausalLm;
use iopo_train::Evaluator;

use crate::answer::{Decoding, Respondent};
use crate::exam::Exam;

/// Answers an exam greedily at each evaluation; the metric `if` is the share of instructions followed whole.
#[derive(Debug, Clone)]
pub struct Validation {
    /// Tokenizer and template.
    pub respondent: Respondent,
    /// The rows.
    pub exam: Exam,
}

impl Evaluator for Validation {
    fn evaluate(
        &mut self,
        policy: &CausalLm,
        _step: usize,
    ) -> Result<BTreeMap<String, f64>, Box<dyn Error + Send + Sync>> {
        let tasks = self.exam.questions.iter().map(|question| &question.task);
        let answers = self.respondent.answers(policy, tasks, Decoding::Greedy, 0)?;
        let judged = self.exam.judge(answers);
        let followed = judged.iter().filter(|row| row.followed() == Some(true)).count();
        Ok(BTreeMap::from([("if".to_owned(), followed as f64 / judged.len().max(1) as f64)]))
    }
}
