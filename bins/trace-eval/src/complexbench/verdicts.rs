//! From the answers of judge and extractor to verdicts.

use serde::Serialize;
use trace_schema::Constraint;
use trace_score::complexbench::{
    ComplexBenchItem, ComplexBenchQuirks, JudgedItem, JudgedQuestion, Rule, ScoringQuestion, Verdict,
    apply_dependencies, extract_objects, parse_answer,
};
use trace_score::{ConstraintScore, Judged, JudgedConstraint, ScoreError};

use crate::benchmark::Case;
use crate::judging::Ballot;

/// The verdict on a question.
#[derive(Debug, Clone, Serialize)]
pub(super) struct QuestionRow {
    question: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<String>,
    /// The verdict on the question alone.
    own_verdict: Verdict,
    /// The verdict after dependencies.
    pub(super) verdict: Verdict,
    attempts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    failed: Option<String>,
}

/// One row of verdicts.jsonl.
#[derive(Debug, Serialize)]
pub(super) struct ItemRow<'a> {
    pub(super) main_id: i64,
    pub(super) response: Option<&'a str>,
    pub(super) questions: &'a [QuestionRow],
}

/// Why a question is not asked: there is no response, or its rule cannot be read.
pub(super) fn hindrance(
    case: &Case<ComplexBenchItem>,
    question: &ScoringQuestion,
    quirks: ComplexBenchQuirks,
) -> Option<String> {
    if let Err(reason) = &case.response {
        return Some(reason.clone());
    }
    let rule = question.rule.as_deref()?;
    Rule::parse(rule, quirks).err().map(|error| error.to_string())
}

/// Reads an answer about a question on a response.
pub(super) fn read(
    quirks: ComplexBenchQuirks,
    question: &ScoringQuestion,
    response: &str,
    answer: &str,
) -> Result<Verdict, String> {
    let Some(rule) = &question.rule else {
        return parse_answer(answer, quirks).map(Verdict::from).map_err(|error| error.to_string());
    };
    let rule = Rule::parse(rule, quirks).map_err(|error| error.to_string())?;
    let objects = extract_objects(response, answer, quirks).objects;
    rule.verdict(&objects).map_err(|error| error.to_string())
}

/// What the questions of an item came to: a judgement, or the reason for which one was not asked.
pub(super) fn question_rows(
    item: &ComplexBenchItem,
    outcomes: Vec<Result<Ballot<Verdict>, String>>,
    quirks: ComplexBenchQuirks,
) -> Result<Vec<QuestionRow>, ScoreError> {
    let verdict = |outcome: &Result<Ballot<Verdict>, String>| {
        outcome.as_ref().ok().and_then(Ballot::judgement).copied().unwrap_or(Verdict::Missing)
    };
    let own: Vec<Verdict> = outcomes.iter().map(verdict).collect();
    let dependencies: Vec<Vec<i64>> =
        item.scoring_questions.iter().map(|question| question.dep.clone()).collect();
    let verdicts = apply_dependencies(&own, &dependencies, quirks)?;
    let questions = item.scoring_questions.iter().zip(outcomes).zip(own.into_iter().zip(verdicts));
    let row = |((question, outcome), (own_verdict, verdict)): ((&ScoringQuestion, _), _)| {
        let outcome: Result<Ballot<Verdict>, String> = outcome;
        QuestionRow {
            question: question.question.clone(),
            rule: question.rule.clone(),
            own_verdict,
            verdict,
            attempts: outcome.as_ref().map_or(0, Ballot::attempts),
            failed: outcome.map_or_else(Some, |ballot| ballot.failure()),
        }
    };
    Ok(questions.map(row).collect())
}

/// An item as statistics take it.
pub(super) fn judged_item(item: &ComplexBenchItem, rows: &[QuestionRow]) -> JudgedItem {
    let question = |(question, row): (&ScoringQuestion, &QuestionRow)| JudgedQuestion {
        constraint_dimensions: question.constraint_dimensions.clone(),
        composition_types: question.composition_types.clone(),
        verdict: row.verdict,
    };
    JudgedItem {
        group: item.group.clone(),
        task_type: item.task_types.clone(),
        composition_types: item.composition_types.clone(),
        category: item.category.clone(),
        questions: item.scoring_questions.iter().zip(rows).map(question).collect(),
    }
}

/// A case as a row to read; where a question has no verdict, the row says why.
pub(super) fn judged(case: &Case<ComplexBenchItem>, questions: &[QuestionRow]) -> Judged {
    let is_open = |row: &&QuestionRow| matches!(row.verdict, Verdict::Missing | Verdict::Unknown);
    let verdict = match questions.iter().find(is_open) {
        None => trace_score::Verdict::Scored {
            constraints: questions.iter().map(judged_constraint).collect(),
            also_required: true,
        },
        Some(row) => trace_score::Verdict::Failed {
            constraints: questions.iter().map(|row| Constraint::unlabelled(row.question.clone())).collect(),
            reason: row.failed.clone().unwrap_or_else(|| format!("no verdict on {:?}", row.question)),
        },
    };
    let (id, prompt) = (case.item.main_id.to_string(), case.item.instruction.clone());
    Judged { id, prompt, answer: case.response.clone().unwrap_or_default(), verdict }
}

fn judged_constraint(row: &QuestionRow) -> JudgedConstraint {
    let remark = if row.own_verdict == row.verdict { "" } else { " (fails with what it rests on)" };
    JudgedConstraint {
        text: format!("{}{remark}", row.question),
        dimension: None,
        score: ConstraintScore::from(row.verdict == Verdict::Holds),
    }
}
