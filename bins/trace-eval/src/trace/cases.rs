//! Evaluation rows with their answers.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Result, bail};
use trace_schema::{EvalRow, Instruction, JsonlReader, UnknownLabels};

use crate::answer_row::AnswerRow;

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
    match by_id.keys().min() {
        Some(id) => bail!(
            "{} of the answers in {} are to none of the rows, for instance that with the id {id:?}",
            by_id.len(),
            answers.display()
        ),
        None => Ok(Cases { cases, model }),
    }
}

fn read_answers(path: &Path) -> Result<HashMap<String, AnswerRow>> {
    let mut by_id = HashMap::new();
    for row in JsonlReader::<_, AnswerRow>::open(path)? {
        let row = row?;
        if let Some(first) = by_id.insert(row.id.clone(), row) {
            bail!("{} has the id {:?} more than once", path.display(), first.id);
        }
    }
    Ok(by_id)
}

fn the_model<'a>(answers: impl Iterator<Item = &'a AnswerRow>) -> Option<String> {
    let models: std::collections::BTreeSet<_> = answers.map(|row| row.model.as_deref()).collect();
    match models.len() {
        1 => models.into_iter().next().flatten().map(str::to_owned),
        _ => None,
    }
}

fn case(row: &EvalRow, answer: Option<AnswerRow>, answers: &Path) -> Result<Case> {
    let prompt = row.prompt();
    if answer.as_ref().and_then(|answer| answer.prompt.as_ref()).is_some_and(|asked| *asked != prompt) {
        bail!("the answer with the id {:?} in {} is to another prompt", row.id, answers.display());
    }
    let none = || "there is no answer to judge".to_owned();
    let answer = match answer {
        Some(AnswerRow { response: Some(response), .. }) => Ok(response),
        Some(AnswerRow { failed: Some(reason), .. }) => Err(format!("{}: {reason}", none())),
        _ => Err(none()),
    };
    Ok(Case { id: row.id.clone(), prompt, instruction: row.instruction(), answer })
}
