//! The questions of a run, and about how many tokens they take.

use chat_client::{Message, Usage};
use minijinja::{Value, context};
use serde::Serialize;
use trace_schema::{Constraint, ConstraintDimension, ConstraintOperation, Instruction};
use trace_score::trace::QueryReading;

use super::config::{ModelRole, PipelineConfig, QuestionKind};
use super::error::PipelineError;
use super::group::draw_operation;
use super::instruct::{draw_dimensions, draw_target};
use super::prompts::{PromptKind, Prompts, dimensions, parts};
use super::respond::judge_messages;
use super::seed::Seed;
use super::tally::add_usage;

/// A constraint of the length that estimates assume.
const CONSTRAINT: &str =
    "⟨a constraint as the model words it, of about so many words and with what it asks for⟩";

/// Tokens of a judge's explanation and score for one constraint.
const JUDGEMENT_TOKENS: u64 = 60;

/// Tokens of a verdict with a reason of a sentence or two.
const VERDICT_TOKENS: u64 = 80;

/// A question that a row would ask if it passed every stage at the first attempt.
#[derive(Debug, Clone, PartialEq)]
pub struct ForeseenQuestion {
    /// The kind of question.
    pub kind: QuestionKind,
    /// The prompt; `⟨…⟩` stands for text that only an answer can provide.
    pub messages: Vec<Message>,
    /// How often it is asked.
    pub times: u64,
    /// The tokens of each, about.
    pub usage: Usage,
}

/// The questions and tokens that a run would take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Estimate {
    /// Questions to the generator.
    pub generator_calls: u64,
    /// Questions to the judge.
    pub judge_calls: u64,
    /// Tokens of the generator.
    #[serde(skip)]
    pub generator: Usage,
    /// Tokens of the judge.
    #[serde(skip)]
    pub judge: Usage,
}

impl Estimate {
    /// The estimate for `rows` rows, of one for `sampled` of them.
    #[must_use]
    pub fn scaled(self, sampled: u64, rows: u64) -> Self {
        let scale = |number: u64| match sampled {
            0 => 0,
            _ => {
                u64::try_from(u128::from(number) * u128::from(rows) / u128::from(sampled)).unwrap_or(u64::MAX)
            }
        };
        let usage = |usage: Usage| Usage::new(scale(usage.prompt_tokens), scale(usage.completion_tokens));
        Self {
            generator_calls: scale(self.generator_calls),
            judge_calls: scale(self.judge_calls),
            generator: usage(self.generator),
            judge: usage(self.judge),
        }
    }

    /// Adds the questions of one row, `rows` times.
    pub fn add(&mut self, questions: &[ForeseenQuestion], rows: u64) {
        for question in questions {
            let times = question.times * rows;
            let (calls, usage) = match question.kind.role() {
                ModelRole::Generator => (&mut self.generator_calls, &mut self.generator),
                ModelRole::Judge => (&mut self.judge_calls, &mut self.judge),
            };
            *calls += times;
            let one = question.usage;
            let prompt_tokens = one.prompt_tokens.saturating_mul(times);
            add_usage(usage, Usage::new(prompt_tokens, one.completion_tokens.saturating_mul(times)));
        }
    }
}

/// The questions about one seed, in order, if nothing is rejected, repaired or retried.
///
/// # Errors
///
/// When a prompt cannot be rendered.
pub fn foresee(
    config: &PipelineConfig,
    prompts: &Prompts,
    seed: &Seed,
    held_out: bool,
) -> Result<Vec<ForeseenQuestion>, PipelineError> {
    let counts = if held_out { &config.evaluation_counts } else { &config.counts };
    let target = draw_target(config.seed, &seed.id, counts);
    let mut foreseen = Foreseen { config, prompts, seed, questions: Vec::new() };
    let x1 = foreseen.instruct(target)?;
    if !held_out {
        foreseen.respond(&x1, 1)?;
        if config.pairs {
            foreseen.worsen(&x1)?;
        }
        if config.groups {
            foreseen.group(&x1)?;
        }
    }
    Ok(foreseen.questions)
}

struct Foreseen<'a> {
    config: &'a PipelineConfig,
    prompts: &'a Prompts,
    seed: &'a Seed,
    questions: Vec<ForeseenQuestion>,
}

impl Foreseen<'_> {
    fn instruct(&mut self, target: usize) -> Result<Instruction, PipelineError> {
        let Self { config, seed, .. } = *self;
        let offered = draw_dimensions(config.seed, &seed.id, config.offered_dimensions.max(target), 1);
        let constraint = |index: usize| {
            let dimension = offered.get(index % offered.len().max(1)).copied();
            Constraint::new(
                format!("{}. {CONSTRAINT}", index + 1),
                dimension.unwrap_or(ConstraintDimension::Theme),
            )
        };
        let x1 = Instruction {
            description: seed.instruction.clone(),
            constraints: (0..target).map(constraint).collect(),
            input: seed.input.clone(),
        };
        let length = tokens(&x1.prompt());
        let values = context! {
            instruction => &seed.instruction, input => seed.input.as_deref(), count => target,
            dimensions => dimensions(&offered),
        };
        self.ask(QuestionKind::Expansion, PromptKind::Expansion, values, length)?;
        let prompt = x1.prompt();
        let values = context! { instruction => prompt.trim_end(), dimensions => dimensions(&ConstraintDimension::ALL) };
        self.ask(QuestionKind::Structuring, PromptKind::Structuring, values, 2 * length)?;
        let trace = self.prompts.of(self.language()).trace();
        let checks = [trace.completeness_prompt(&x1), trace.redundancy_prompt(&x1)];
        for check in checks {
            self.push(QuestionKind::QualityControl, judge_messages(check), 1, VERDICT_TOKENS);
        }
        Ok(x1)
    }

    fn respond(&mut self, instruction: &Instruction, number: u32) -> Result<String, PipelineError> {
        let length = self.config.expected_response_tokens;
        self.ask(QuestionKind::Response, PromptKind::Response, parts(instruction), length)?;
        let response = self.response(&format!("y{number}"));
        self.judge(instruction, &response);
        Ok(response)
    }

    fn worsen(&mut self, x1: &Instruction) -> Result<(), PipelineError> {
        let values = context! { response => self.response("y1"), ..parts(x1) };
        let length = self.config.expected_response_tokens;
        self.ask(QuestionKind::WorseResponse, PromptKind::WorseResponse, values, length)?;
        if self.config.checks.worse_is_worse {
            self.judge(x1, &self.response("the worse response"));
        }
        Ok(())
    }

    fn group(&mut self, x1: &Instruction) -> Result<(), PipelineError> {
        let operation = draw_operation(self.config.seed, &self.seed.id, x1);
        let y1 = self.response("y1");
        let values = context! {
            operation => operation.name(), response => &y1,
            dimensions => dimensions(&ConstraintDimension::ALL), ..parts(x1)
        };
        let length = 2 * tokens(&x1.prompt());
        self.ask(QuestionKind::Perturbation, PromptKind::Perturbation, values, length)?;
        let x2 = x1.clone();
        if operation != ConstraintOperation::Delete {
            self.judge(&x2, &y1);
        }
        let y2 = self.respond(&x2, 2)?;
        if self.config.checks.second_violates_first && operation != ConstraintOperation::Add {
            self.judge(x1, &y2);
        }
        let (one, two) = (x1.prompt(), x2.prompt());
        let values = context! { x1 => one.trim_end(), x2 => two.trim_end(), y1 => y1, y2 => y2 };
        self.ask(QuestionKind::Rationality, PromptKind::Rationality, values, VERDICT_TOKENS)
    }

    fn judge(&mut self, instruction: &Instruction, response: &str) {
        let trace = self.prompts.of(self.language()).trace();
        let messages = judge_messages(trace.judge_prompt(instruction, response, QueryReading::WholePrompt));
        let length = JUDGEMENT_TOKENS * (1 + instruction.constraints.len() as u64);
        self.push(QuestionKind::Evaluation, messages, u64::from(self.config.votes), length);
    }

    /// A text as long as a response is expected to be.
    fn response(&self, name: &str) -> String {
        let words = format!("⟨{name}, of about {} tokens", self.config.expected_response_tokens);
        let missing = self.config.expected_response_tokens.saturating_sub(tokens(&words));
        format!("{words}{}⟩", " …".repeat(usize::try_from(missing).unwrap_or_default().min(1 << 16) * 2))
    }

    fn ask(
        &mut self,
        kind: QuestionKind,
        prompt: PromptKind,
        values: Value,
        answer: u64,
    ) -> Result<(), PipelineError> {
        let text = self.prompts.of(self.language()).render(prompt, values)?;
        self.push(kind, vec![Message::user(text)], 1, answer);
        Ok(())
    }

    fn push(&mut self, kind: QuestionKind, messages: Vec<Message>, times: u64, answer: u64) {
        let prompt_tokens = messages.iter().map(|message| tokens(&message.content)).sum();
        let usage = Usage::new(prompt_tokens, answer);
        self.questions.push(ForeseenQuestion { kind, messages, times, usage });
    }

    fn language(&self) -> trace_score::trace::PromptLanguage {
        self.config.language.of(&self.seed.text())
    }
}

/// About how many tokens a text has: one for each Chinese character and one for each four other characters.
fn tokens(text: &str) -> u64 {
    let wide = text.chars().filter(|c| *c >= '\u{2e80}').count();
    let others = text.chars().count() - wide;
    (wide + others.div_ceil(4)) as u64
}
