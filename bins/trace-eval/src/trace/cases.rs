//! Evaluation rows with their answers.

use std::path::Path;

use anyhow::{Result, bail};
use trace_schema::{EvalRow, Instruction, JsonlReader, UnknownLabels};

use crate::answer_row::{AnswerRow, answer_or_reason, check_nothing_left, read_answers, the_model};

/// What is to be judged.
#[derive(Debug)]
pub(super) struct Case {
    pub(super) id: String,
    pub(super) prompt: String,
    pub(super) instruction: Instruction,
    /// The answer, or why there is none.
    pub(super) answer: Result<String, String>,
}

/// All cases, and the model that answered.
#[derive(Debug)]
pub(super) struct Cases {
    pub(super) cases: Vec<Case>,
    /// The model as the answers name it, if all name the same.
    pub(super) model: Option<String>,
}

/// Reads both files. Every answer must be to a row; a row without an answer is a case all the same.
pub(super) fn read(rows: &Path, answers: &Path) -> Result<Cases> {
    let mut by_id = read_answers(answers)?;
    let model = the_model(by_id.values());
    let mut cases: Vec<Case> = Vec::new();
    let mut seen = std::collections::HashSet::new();
    for row in JsonlReader::<_, EvalRow>::open(rows)?.unknown_labels(UnknownLabels::Keep) {
        let row = row?;
        if !seen.insert(row.id.clone()) {
            bail!("{} has the id {:?} more than once", rows.display(), row.id);
        }
        let answer = by_id.remove(&row.id);
        cases.push(case(&row, answer, answers)?);
    }
    if cases.is_empty() {
        bail!("{} has no rows", rows.display());
    }
    check_nothing_left(&by_id, answers)?;
    Ok(Cases { cases, model })
}

fn case(row: &EvalRow, answer: Option<AnswerRow>, answers: &Path) -> Result<Case> {
    let prompt = row.prompt();
    if answer.as_ref().and_then(|answer| answer.prompt.as_ref()).is_some_and(|asked| *asked != prompt) {
        bail!("the answer with the id {:?} in {} is to another prompt", row.id, answers.display());
    }
    let answer = answer_or_reason(answer);
    Ok(Case { id: row.id.clone(), prompt, instruction: row.instruction(), answer })
}
