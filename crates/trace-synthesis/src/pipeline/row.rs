//! One seed's way to its rows, in two halves: to an instruction, and from there to responses and groups.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use trace_schema::{
    CompletionRow, ConstraintOperation, EvalRow, Instruction, PreferenceGroup, PreferencePair, Provenance,
    Reasoning, Record, RejectedRow, UnknownLabels,
};
use trace_score::trace::PromptLanguage;

use super::context::{Context, Shared};
use super::error::{Fault, PipelineError, StepError};
use super::group::{Second, build_group, draw_operation};
use super::instruct::{check_count, control_quality, draw_target, expand_constraints, structure_instruction};
use super::respond::{ResponseStages, worsen_response, write_response};
use super::seed::Seed;
use super::stage::{Reason, Stage};
use super::tally::Log;

/// What provenance calls this pipeline.
pub(super) const SOURCE: &str = "trace-build";

/// The category of evaluation rows that were built here.
const CATEGORY: &str = "trace-build";

/// Where y₁ is written and judged.
const FIRST: ResponseStages = ResponseStages { write: Stage::Response, judge: Stage::Evaluation };

/// A seed whose instruction is ready.
#[derive(Debug)]
pub(super) struct Prepared {
    pub seed: Seed,
    pub held_out: bool,
    pub target: usize,
    pub x1: Instruction,
    pub log: Log,
}

/// The rows of a seed, kept and rejected.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub held_out: bool,
    pub target: usize,
    pub x1: Option<Instruction>,
    pub operation: Option<ConstraintOperation>,
    pub sft: Option<CompletionRow>,
    pub pair: Option<PreferencePair>,
    pub group: Option<PreferenceGroup>,
    pub evaluation: Option<EvalRow>,
    pub rejected: Vec<RejectedRow>,
    /// The stages at which those were rejected, with the reasons.
    pub faults: Vec<(Stage, Reason)>,
    pub log: Log,
}

impl Outcome {
    /// The outcome of a seed that is not kept at all.
    pub fn rejected(
        shared: &Shared,
        seed: &Seed,
        held_out: bool,
        fault: Fault,
        more: Value,
        log: Log,
    ) -> Self {
        let language = shared.config.language.of(&seed.text());
        let mut outcome = Self { held_out, log, ..Self::default() };
        outcome.reject(shared, seed, language, fault, more);
        outcome
    }

    /// Removes the group.
    pub fn drop_group(&mut self, shared: &Shared, fault: Fault) {
        if let Some(group) = self.group.take() {
            self.withdraw(shared, fault, group.id.clone(), json!({"group": group}));
        }
    }

    /// Removes everything that was kept.
    pub fn drop_all(&mut self, shared: &Shared, fault: Fault) {
        let (sft, evaluation) = (self.sft.take(), self.evaluation.take());
        (self.pair, self.group) = (None, None);
        let id = sft.as_ref().and_then(|row| row.id.clone()).or(evaluation.map(|row| row.id));
        if let Some(id) = id {
            self.withdraw(shared, fault, id, json!({"x1": self.x1, "y1": sft.map(|row| row.completion)}));
        }
    }

    fn withdraw(&mut self, shared: &Shared, fault: Fault, id: String, row: Value) {
        shared.progress.reject(fault.stage);
        self.faults.push((fault.stage, fault.reason));
        self.rejected.push(RejectedRow {
            id,
            stage: fault.stage.name().to_owned(),
            reason: fault.reason.name().to_owned(),
            detail: fault.detail,
            row,
            provenance: None,
        });
    }

    fn reject(&mut self, shared: &Shared, seed: &Seed, language: PromptLanguage, fault: Fault, more: Value) {
        shared.progress.reject(fault.stage);
        let mut row = Map::new();
        row.insert("seed".to_owned(), json!(seed));
        if let Value::Object(more) = more {
            row.extend(more);
        }
        self.faults.push((fault.stage, fault.reason));
        self.rejected.push(RejectedRow {
            id: seed.id.clone(),
            stage: fault.stage.name().to_owned(),
            reason: fault.reason.name().to_owned(),
            detail: fault.detail,
            row: Value::Object(row),
            provenance: Some(provenance(shared, language, &seed.id, &self.log, None)),
        });
    }
}

/// How a row of a seed was made, after all that its log says.
pub(super) fn provenance(
    shared: &Shared,
    language: PromptLanguage,
    id: &str,
    log: &Log,
    attempts: Option<u32>,
) -> Provenance {
    let total = log.total();
    let before = |stage| log.reasoning.get(&stage).cloned();
    let reasoning = Reasoning {
        response: before(Stage::Response),
        worse_response: before(Stage::WorseResponse),
        second_response: before(Stage::SecondResponse),
    };
    Provenance {
        source: Some(SOURCE.to_owned()),
        source_id: Some(id.to_owned()),
        generator_model: Some(shared.generator.model().to_owned()),
        prompt_hash: Some(shared.prompts.of(language).hash().to_owned()),
        seed: Some(shared.config.seed),
        attempts,
        prompt_tokens: Some(total.prompt_tokens),
        completion_tokens: Some(total.completion_tokens),
        reasoning: Some(reasoning).filter(|reasoning| *reasoning != Reasoning::default()),
    }
}

/// The first half: expansion, structuring and quality control.
pub(super) async fn prepare(
    shared: Arc<Shared>,
    seed: Seed,
    held_out: bool,
) -> Result<Result<Prepared, Box<Outcome>>, PipelineError> {
    let counts = if held_out { &shared.config.evaluation_counts } else { &shared.config.counts };
    let target = draw_target(shared.config.seed, &seed.id, counts);
    let language = shared.config.language.of(&seed.text());
    let mut context =
        Context { shared: Arc::clone(&shared), id: seed.id.clone(), language, log: Log::default() };
    let mut so_far = Map::new();
    match instruct(&mut context, &seed, target, &mut so_far).await {
        Ok(x1) => Ok(Ok(Prepared { seed, held_out, target, x1, log: context.log })),
        Err(StepError::Broken(error)) => Err(*error),
        Err(StepError::Rejected(fault)) => {
            so_far.insert("constraints_wanted".to_owned(), target.into());
            let more = Value::Object(so_far);
            Ok(Err(Box::new(Outcome::rejected(&shared, &seed, held_out, fault, more, context.log))))
        }
    }
}

/// Tries to make an instruction; `so_far` keeps the parts that were made, also after a failure.
async fn instruct(
    context: &mut Context,
    seed: &Seed,
    target: usize,
    so_far: &mut Map<String, Value>,
) -> Result<Instruction, StepError> {
    let last = context.shared.config.attempts.instruction;
    let mut attempt = 1;
    loop {
        so_far.clear();
        match attempt_instruction(context, seed, target, attempt, so_far).await {
            Err(error) if attempt < last && error.is_worth_another_attempt() => attempt += 1,
            result => return result,
        }
    }
}

async fn attempt_instruction(
    context: &mut Context,
    seed: &Seed,
    target: usize,
    attempt: u32,
    so_far: &mut Map<String, Value>,
) -> Result<Instruction, StepError> {
    let expanded = expand_constraints(context, seed, target, attempt).await?;
    so_far.insert("expanded".to_owned(), json!(expanded));
    let structured = structure_instruction(context, &expanded, attempt).await?;
    so_far.insert("x1".to_owned(), json!(structured));
    check_count(context, Stage::Structuring, &structured, target)?;
    let x1 = control_quality(context, structured, attempt).await?;
    so_far.insert("x1".to_owned(), json!(x1));
    check_count(context, Stage::QualityControl, &x1, target)?;
    Ok(x1)
}

/// The second half: an evaluation row, or a response with its pair and its group.
pub(super) async fn finish(shared: Arc<Shared>, prepared: Prepared) -> Result<Outcome, PipelineError> {
    let Prepared { seed, held_out, target, x1, log } = prepared;
    let language = shared.config.language.of(&seed.text());
    let mut outcome =
        Outcome { held_out, target, x1: Some(x1.clone()), log: Log::default(), ..Outcome::default() };
    let mut context = Context { shared: Arc::clone(&shared), id: seed.id.clone(), language, log };
    if held_out {
        match EvalRow::new(seed.id.clone(), &x1, CATEGORY) {
            Ok(row) => outcome.evaluation = Some(row),
            Err(error) => {
                let fault = Fault::new(Stage::QualityControl, Reason::InvalidInstruction, error.to_string());
                outcome.log = context.log;
                outcome.reject(&shared, &seed, language, fault, json!({"x1": x1}));
                return Ok(outcome);
            }
        }
        outcome.log = context.log;
        return Ok(outcome);
    }
    let y1 = match write_response(&mut context, &x1, FIRST, "").await {
        Ok(y1) => y1,
        Err(StepError::Broken(error)) => return Err(*error),
        Err(StepError::Rejected(fault)) => {
            outcome.log = context.log;
            outcome.reject(&shared, &seed, language, fault, json!({"x1": x1}));
            return Ok(outcome);
        }
    };
    outcome.sft = Some(CompletionRow {
        id: Some(seed.id.clone()),
        prompt: x1.prompt(),
        completion: y1.text.clone(),
        provenance: Some(provenance(&shared, language, &seed.id, &context.log, Some(y1.attempts))),
    });
    outcome.log = context.log.clone();
    let first = First { shared: &shared, seed: &seed, language, x1: &x1, y1: &y1.text, log: &context.log };
    let pairs =
        async { if shared.config.pairs { first.pair(context.beside()).await.map(Some) } else { Ok(None) } };
    let groups =
        async { if shared.config.groups { first.group(context.beside()).await.map(Some) } else { Ok(None) } };
    let (pair, group) = tokio::join!(pairs, groups);
    for part in [pair?, group?].into_iter().flatten() {
        outcome.log.absorb(part.log);
        outcome.pair = outcome.pair.or(part.pair);
        outcome.group = outcome.group.or(part.group);
        outcome.operation = outcome.operation.or(part.operation);
        outcome.rejected.extend(part.rejected);
        outcome.faults.extend(part.faults);
    }
    Ok(outcome)
}

/// An instruction with its response, from which pair and group go their own ways.
struct First<'a> {
    shared: &'a Shared,
    seed: &'a Seed,
    language: PromptLanguage,
    x1: &'a Instruction,
    y1: &'a str,
    /// The questions and tokens up to here.
    log: &'a Log,
}

impl First<'_> {
    /// # Source
    ///
    /// IOPO (ACL 2025), Appendix C.
    async fn pair(&self, mut context: Context) -> Result<Outcome, PipelineError> {
        context.enter(Stage::WorseResponse);
        match worsen_response(&mut context, self.x1, self.y1).await {
            Err(StepError::Broken(error)) => Err(*error),
            Err(StepError::Rejected(fault)) => Ok(self.without(fault, Map::new(), context.log)),
            Ok(worse) => {
                let pair = PreferencePair {
                    id: self.seed.id.clone(),
                    instruction: self.x1.clone(),
                    chosen: self.y1.to_owned(),
                    rejected: worse.text,
                    provenance: Some(self.provenance(&context.log, worse.attempts)),
                };
                Ok(match valid(&pair, Stage::WorseResponse) {
                    Err(fault) => self.without(fault, Map::new(), context.log),
                    Ok(()) => Outcome { pair: Some(pair), log: context.log, ..Outcome::default() },
                })
            }
        }
    }

    /// # Source
    ///
    /// IOPO (ACL 2025), Appendix D.
    async fn group(&self, mut context: Context) -> Result<Outcome, PipelineError> {
        context.enter(Stage::Perturbation);
        let operation = draw_operation(self.shared.config.seed, &self.seed.id, self.x1);
        let mut draft = Second::default();
        let built = build_group(&mut context, self.x1, self.y1, operation, &mut draft).await;
        let outcome = match built {
            Err(StepError::Broken(error)) => return Err(*error),
            Err(StepError::Rejected(fault)) => self.without(fault, second(operation, &draft), context.log),
            Ok(grouped) => {
                let group = PreferenceGroup {
                    id: self.seed.id.clone(),
                    operation,
                    x1: self.x1.clone(),
                    y1: self.y1.to_owned(),
                    x2: grouped.x2,
                    y2: grouped.y2,
                    provenance: Some(self.provenance(&context.log, grouped.attempts)),
                };
                match valid(&group, Stage::Perturbation) {
                    Err(fault) => self.without(fault, second(operation, &draft), context.log),
                    Ok(()) => Outcome { group: Some(group), log: context.log, ..Outcome::default() },
                }
            }
        };
        Ok(Outcome { operation: Some(operation), ..outcome })
    }

    fn provenance(&self, log: &Log, attempts: u32) -> Provenance {
        let mut all = self.log.clone();
        all.absorb(log.clone());
        provenance(self.shared, self.language, &self.seed.id, &all, Some(attempts))
    }

    fn without(&self, fault: Fault, more: Map<String, Value>, log: Log) -> Outcome {
        let mut row = Map::new();
        row.insert("x1".to_owned(), json!(self.x1));
        row.insert("y1".to_owned(), json!(self.y1));
        row.extend(more);
        let mut outcome = Outcome { log, ..Outcome::default() };
        outcome.reject(self.shared, self.seed, self.language, fault, Value::Object(row));
        outcome
    }
}

fn second(operation: ConstraintOperation, draft: &Second) -> Map<String, Value> {
    let mut row = Map::new();
    row.insert("operation".to_owned(), json!(operation));
    if let Some(x2) = &draft.x2 {
        row.insert("x2".to_owned(), json!(x2));
    }
    if let Some(y2) = &draft.y2 {
        row.insert("y2".to_owned(), json!(y2));
    }
    row
}

/// Only rows that can be read back are written.
fn valid(row: &impl Record, stage: Stage) -> Result<(), Fault> {
    row.validate(UnknownLabels::Error)
        .map_err(|error| Fault::new(stage, Reason::InvalidInstruction, error.to_string()))
}
