//! From the answers of judge and extractor to verdicts.

use serde::Serialize;
use trace_schema::Constraint;
use trace_score::complexbench::{
    ComplexBenchItem, ComplexBenchQuirks, DependencyError, JudgedItem, JudgedQuestion, Rule, ScoringQuestion,
    Verdict, apply_dependencies, extract_objects, parse_answer,
};
use trace_score::{ConstraintScore, Judged, JudgedConstraint};

use crate::judging::Ballot;

/// What a question came to.
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
    main_id: i64,
    response: Option<&'a str>,
    questions: &'a [QuestionRow],
}

/// An item with its response, or why there is none, and what its questions came to.
pub(super) struct Case {
    pub(super) item: ComplexBenchItem,
    pub(super) response: Result<String, String>,
    pub(super) questions: Vec<QuestionRow>,
}

/// Why a question is not asked: there is no response, or its rule cannot be read.
pub(super) fn hindrance(
    case: &Case,
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

impl Case {
    /// Enters what the questions came to: a judgement, or the reason for which one was not asked.
    pub(super) fn settle(
        &mut self,
        outcomes: Vec<Result<Ballot<Verdict>, String>>,
        quirks: ComplexBenchQuirks,
    ) -> Result<(), DependencyError> {
        let own: Vec<Verdict> = outcomes
            .iter()
            .map(|outcome| {
                outcome.as_ref().ok().and_then(Ballot::judgement).copied().unwrap_or(Verdict::Missing)
            })
            .collect();
        let dependencies: Vec<Vec<i64>> =
            self.item.scoring_questions.iter().map(|question| question.dep.clone()).collect();
        let verdicts = apply_dependencies(&own, &dependencies, quirks)?;
        let questions = self.item.scoring_questions.iter().zip(outcomes).zip(own.iter().zip(verdicts));
        self.questions = questions
            .map(|((question, outcome), (own, verdict))| QuestionRow {
                question: question.question.clone(),
                rule: question.rule.clone(),
                own_verdict: *own,
                verdict,
                attempts: outcome.as_ref().map_or(0, Ballot::attempts),
                failed: outcome.map_or_else(Some, |ballot| ballot.failure()),
            })
            .collect();
        Ok(())
    }

    pub(super) fn row(&self) -> ItemRow<'_> {
        ItemRow {
            main_id: self.item.main_id,
            response: self.response.as_deref().ok(),
            questions: &self.questions,
        }
    }

    /// The case as statistics take it.
    pub(super) fn judged_item(&self) -> JudgedItem {
        let questions = self.item.scoring_questions.iter().zip(&self.questions);
        let question = |(question, row): (&ScoringQuestion, &QuestionRow)| JudgedQuestion {
            constraint_dimensions: question.constraint_dimensions.clone(),
            composition_types: question.composition_types.clone(),
            verdict: row.verdict,
        };
        JudgedItem {
            group: self.item.group.clone(),
            task_type: self.item.task_types.clone(),
            composition_types: self.item.composition_types.clone(),
            category: self.item.category.clone(),
            questions: questions.map(question).collect(),
        }
    }

    /// The case as a row to read; where a question has no verdict, the row tells why.
    pub(super) fn judged(&self) -> Judged {
        let is_open = |row: &&QuestionRow| matches!(row.verdict, Verdict::Missing | Verdict::Unknown);
        let open = self.questions.iter().find(is_open);
        let verdict = match open {
            None => trace_score::Verdict::Scored {
                constraints: self.questions.iter().map(judged_constraint).collect(),
                also_required: true,
            },
            Some(row) => trace_score::Verdict::Failed {
                constraints: self
                    .questions
                    .iter()
                    .map(|row| Constraint::unlabelled(row.question.clone()))
                    .collect(),
                reason: row.failed.clone().unwrap_or_else(|| format!("no verdict on {:?}", row.question)),
            },
        };
        let answer = self.response.clone().unwrap_or_default();
        let (id, prompt) = (self.item.main_id.to_string(), self.item.instruction.clone());
        Judged { id, prompt, answer, verdict }
    }
}

fn judged_constraint(row: &QuestionRow) -> JudgedConstraint {
    let remark = if row.own_verdict == row.verdict { "" } else { " (fails with what it rests on)" };
    JudgedConstraint {
        text: format!("{}{remark}", row.question),
        dimension: None,
        score: ConstraintScore::from(row.verdict == Verdict::Holds),
    }
}
