//! Validation while training: answers to held-out rows, judged by rule.

use std::collections::BTreeMap;
use std::error::Error;

use iopo_model::CausalLm;
use iopo_train::Evaluator;

use crate::answer::{Decoding, Respondent};
use crate::error::LabError;
use crate::exam::Exam;

/// Answers an exam at each evaluation, greedily and drawn.
///
/// The metrics `if_greedy` and `if_sampled` are shares of instructions followed whole, and `if` is their mean: the most
/// likely answer tells what a model can do, drawn answers how reliably it does it.
#[derive(Debug, Clone)]
pub struct Validation {
    /// Tokenizer and template.
    pub respondent: Respondent,
    /// The rows.
    pub exam: Exam,
}

impl Validation {
    fn share(&self, policy: &CausalLm, decoding: Decoding) -> Result<f64, LabError> {
        let tasks = self.exam.questions.iter().map(|question| &question.task);
        let judged = self.exam.judge(self.respondent.answers(policy, tasks, decoding, 0)?);
        let followed = judged.iter().filter(|row| row.followed() == Some(true)).count();
        Ok(followed as f64 / judged.len().max(1) as f64)
    }
}

impl Evaluator for Validation {
    fn evaluate(
        &mut self,
        policy: &CausalLm,
        _step: usize,
    ) -> Result<BTreeMap<String, f64>, Box<dyn Error + Send + Sync>> {
        let greedy = self.share(policy, Decoding::Greedy)?;
        let sampled = self.share(policy, Decoding::Sampled)?;
        let metrics = [("if", (greedy + sampled) / 2.0), ("if_greedy", greedy), ("if_sampled", sampled)];
        Ok(metrics.map(|(name, value)| (name.to_owned(), value)).into())
    }
}
