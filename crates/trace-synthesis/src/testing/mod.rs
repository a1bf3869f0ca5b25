//! A model that answers the pipeline's built-in English prompts by rule, from the verifiable world.
//!
//! Its instructions are tasks of the world, its responses those of a [`Teacher`], and its judgements those of the
//! verifiers, so that what a pipeline makes of its answers can be checked by program. Its answers depend on the prompt
//! and on the request's seed alone.

mod reading;

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use chat_client::ChatRequest;
use serde_json::{Value, json};
use trace_schema::{ConstraintOperation, Instruction};

use self::reading::Asked;
use crate::pipeline::Seed;
use crate::random::digest_of;
use trace_world::{CountDistribution, Task, TaskSampler, Teacher, WorldRng, chance, world_rng, worsen};

/// Tasks that are remembered; the oldest are forgotten, so that long runs stay small.
const REMEMBERED: usize = 1 << 14;

/// How often the model errs, each from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slips {
    /// How the responses err.
    pub teacher: Teacher,
    /// An answer that should be JSON breaks off.
    pub broken: f64,
    /// JSON stands in a code fence or between words.
    pub wrapped: f64,
    /// A structured instruction has one of its constraints twice, which repair puts right.
    pub redundant: f64,
    /// An instruction is refused.
    pub refused: f64,
    /// The judge says that an instruction is incomplete.
    pub incomplete: f64,
}

impl Slips {
    /// A model that never errs.
    pub const NONE: Self = Self {
        teacher: Teacher::ORACLE,
        broken: 0.0,
        wrapped: 0.0,
        redundant: 0.0,
        refused: 0.0,
        incomplete: 0.0,
    };

    /// A model that errs now and then in every way.
    pub const SOME: Self = Self {
        teacher: Teacher { ignore: 0.08, confuse: 0.5 },
        broken: 0.1,
        wrapped: 0.3,
        redundant: 0.1,
        refused: 0.05,
        incomplete: 0.05,
    };
}

/// The model.
#[derive(Debug)]
pub struct WorldModel {
    slips: Slips,
    sampler: TaskSampler,
    tasks: Mutex<Tasks>,
}

#[derive(Debug, Default)]
struct Tasks {
    by_prompt: HashMap<u64, Task>,
    order: VecDeque<u64>,
}

impl WorldModel {
    /// A model that has been asked nothing yet.
    pub fn new(slips: Slips) -> Self {
        let sampler = TaskSampler::new(CountDistribution::up_to(5));
        Self { slips, sampler, tasks: Mutex::default() }
    }

    /// Simple instructions for it.
    pub fn seeds(count: usize) -> impl Iterator<Item = Seed> {
        (0..count).map(|number| Seed {
            id: format!("seed-{number:06}"),
            instruction: format!("Name some things, as request {number} says."),
            input: None,
        })
    }

    /// The answer to a request.
    pub fn answer(&self, request: &ChatRequest) -> String {
        let prompt = request.messages.last().map(|message| message.content.as_str()).unwrap_or_default();
        self.answer_to(prompt, request.seed.unwrap_or_default())
    }

    /// The answer to a prompt, given the request's seed.
    pub fn answer_to(&self, prompt: &str, seed: u64) -> String {
        let rng = &mut world_rng(digest_of(&[prompt]), seed);
        match Asked::read(prompt) {
            Some(Asked::Expansion { count }) => self.expand(count, rng),
            Some(Asked::Structuring { text }) => self.structure(&text, rng),
            Some(Asked::Completeness) => {
                let issue = chance(self.slips.incomplete, rng);
                format!("I looked at it.\n{}", json!({"issue": issue, "reason": "as it seems to me"}))
            }
            Some(Asked::Redundancy) => format!("Fine.\n{}", json!({"issue": false, "reason": ""})),
            Some(Asked::Repair { mut instruction }) => {
                let mut seen = Vec::new();
                instruction.constraints.retain(|constraint| {
                    let text = words(&constraint.text);
                    let is_new = !seen.contains(&text);
                    seen.push(text);
                    is_new
                });
                self.dressed(parts(&instruction), rng)
            }
            Some(Asked::Worse { instruction }) => {
                let task = self.task(&instruction.prompt());
                task.and_then(|task| worsen(&task, rng)).unwrap_or_else(|| "nothing".to_owned())
            }
            Some(Asked::Perturbation { operation, instruction }) => {
                self.perturb(operation, &instruction.prompt(), rng)
            }
            Some(Asked::Rationality { x1, x2, y1, y2 }) => self.rationality([&x1, &x2], [&y1, &y2], rng),
            Some(Asked::Judgement { query, response }) => self.judge(&query, &response),
            None => match self.task(prompt) {
                Some(task) => self.slips.teacher.write(&task, rng),
                None => "I do not know what is meant.".to_owned(),
            },
        }
    }

    /// The task behind a prompt that the model has made up.
    pub fn task(&self, prompt: &str) -> Option<Task> {
        let tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        tasks.by_prompt.get(&digest_of(&[prompt.trim()])).cloned()
    }

    fn remember(&self, task: &Task) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        let key = digest_of(&[task.prompt().trim()]);
        if tasks.by_prompt.insert(key, task.clone()).is_none() {
            tasks.order.push_back(key);
        }
        if tasks.order.len() > REMEMBERED
            && let Some(oldest) = tasks.order.pop_front()
        {
            tasks.by_prompt.remove(&oldest);
        }
    }

    fn expand(&self, count: usize, rng: &mut WorldRng) -> String {
        match self.sampler.sample_with(count, rng) {
            Ok(task) => {
                self.remember(&task);
                self.dressed(json!({"instruction": task.prompt(), "dimensions": []}), rng)
            }
            Err(error) => error.to_string(),
        }
    }

    fn structure(&self, text: &str, rng: &mut WorldRng) -> String {
        let Some(task) = self.task(text) else { return "What is this?".to_owned() };
        let mut instruction = task.instruction();
        if chance(self.slips.refused, rng) {
            return self.dressed(json!({"valid": false, "reason": "it contradicts itself"}), rng);
        }
        if chance(self.slips.redundant, rng) {
            instruction.constraints.extend(instruction.constraints.first().cloned());
        }
        self.dressed(parts(&instruction), rng)
    }

    fn perturb(&self, operation: ConstraintOperation, prompt: &str, rng: &mut WorldRng) -> String {
        let changed = self.task(prompt).and_then(|task| self.sampler.perturb(&task, operation, rng));
        match changed {
            Some(x2) => {
                self.remember(&x2);
                self.dressed(json!({"constraints": parts(&x2.instruction())["constraints"]}), rng)
            }
            None => "That cannot be done.".to_owned(),
        }
    }

    fn judge(&self, query: &str, response: &str) -> String {
        let Some(task) = self.task(query) else { return "I cannot judge this.".to_owned() };
        let verdict = task.verdict(response);
        let instruction = task.instruction();
        let scored = instruction.constraints.iter().zip(&verdict.constraints);
        let scores: serde_json::Map<String, Value> = scored
            .map(|(constraint, holds)| (words(&constraint.text), if *holds { 10 } else { 0 }.into()))
            .collect();
        let overall = if verdict.followed() { 10 } else { 0 };
        format!(
            "Explanation: see the scores.\nFine Grained Score: [{}]\nConstraints Overall Score: [[{overall}]]",
            Value::Object(scores)
        )
    }

    fn rationality(&self, instructions: [&str; 2], responses: [&str; 2], rng: &mut WorldRng) -> String {
        let [Some(x1), Some(x2)] = instructions.map(|prompt| self.task(prompt)) else {
            return "I do not know these.".to_owned();
        };
        let right = |task: &Task, response: &str| task.verdict(response).followed();
        let [y1, y2] = responses;
        let verdicts = json!({
            "reason": "checked by program",
            "x1_y1": right(&x1, y1), "x1_y2": right(&x1, y2), "x2_y1": right(&x2, y1), "x2_y2": right(&x2, y2),
        });
        self.dressed(verdicts, rng)
    }

    /// JSON as a model gives it: plain, in a fence or between words, or broken.
    fn dressed(&self, value: Value, rng: &mut WorldRng) -> String {
        let text = value.to_string();
        if chance(self.slips.broken, rng) {
            let end = (text.len() / 2..text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or_default();
            return text[..end].to_owned();
        }
        match (chance(self.slips.wrapped, rng), chance(0.5, rng)) {
            (true, true) => format!("```json\n{text}\n```"),
            (true, false) => format!("Here {{it}} is: {text} I hope [this] helps."),
            (false, _) => text,
        }
    }
}

fn words(text: &str) -> String {
    trace_score::trace::without_number(text).to_owned()
}

fn parts(instruction: &Instruction) -> Value {
    let constraints: Vec<Value> = instruction
        .constraints
        .iter()
        .map(|constraint| {
            let dimension = constraint.dimension.as_ref().map(|label| label.name());
            json!({"text": words(&constraint.text), "dimension": dimension})
        })
        .collect();
    let input = instruction.input.as_deref().unwrap_or("NULL");
    json!({
        "valid": true, "reason": "", "description": instruction.description, "constraints": constraints,
        "input": input,
    })
}
