//! How data is built.

use std::collections::BTreeMap;

use serde::Serialize;
use trace_score::trace::VoteRule;

use super::language::LanguageChoice;
use super::question_kind::{QuestionKind, Role, Sampling};
use trace_world::CountDistribution;

/// The most constraints that an instruction may have: the paper's largest number.
pub const MAX_CONSTRAINTS: usize = 15;

/// How often things are tried before a row is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Attempts {
    /// One question, until its answer can be read; 3 by default.
    pub answer: u32,
    /// Expanding, taking apart and checking an instruction, until it passes; 2 by default.
    pub instruction: u32,
    /// Writing a response, until it has the full score; 2 by default.
    pub response: u32,
    /// Writing a worse response, until it is worse; 2 by default.
    pub worse_response: u32,
    /// Changing constraints and all that follows, until there is a group; 2 by default.
    pub group: u32,
    /// Repairs of one instruction; 1 by default, and 0 for none.
    pub repairs: u32,
}

impl Default for Attempts {
    fn default() -> Self {
        Self { answer: 3, instruction: 2, response: 2, worse_response: 2, group: 2, repairs: 1 }
    }
}

/// What makes a preference pair and a group good enough, beyond what the paper asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Checks {
    /// A worse response must have less than the full score. The paper does not check it.
    pub worse_is_worse: bool,
    /// y₂ must not satisfy x₁. The paper does not ask for it.
    pub second_violates_first: bool,
}

impl Checks {
    /// What Appendices C and D describe, and nothing else.
    pub const PAPER: Self = Self { worse_is_worse: false, second_violates_first: false };
    /// All checks.
    pub const STRICT: Self = Self { worse_is_worse: true, second_violates_first: true };
}

/// What is done with similar texts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct SimilarityConfig {
    /// From this similarity on, from 0 to 1, two texts are near duplicates; 0.7 by default.
    pub threshold: f64,
    /// Whether seeds and instructions that resemble earlier ones are rejected. Resemblance to an evaluation set
    /// always is a reason.
    pub near_duplicates: bool,
}

impl Default for SimilarityConfig {
    fn default() -> Self {
        Self { threshold: 0.7, near_duplicates: true }
    }
}

/// How data is built. Endpoints and files come in from the caller.
#[derive(Debug, Clone, PartialEq)]
pub struct PipelineConfig {
    /// The seed of all random choices.
    pub seed: u64,
    /// The language of prompts.
    pub language: LanguageChoice,
    /// How many constraints training instructions should have.
    pub counts: CountDistribution,
    /// How many constraints evaluation instructions should have.
    pub evaluation_counts: CountDistribution,
    /// How far from the number drawn an instruction's number of constraints may be; without one, any number will do.
    pub count_tolerance: Option<usize>,
    /// How many dimensions, drawn at random for each row, an expansion may choose from; 26 for all.
    pub offered_dimensions: usize,
    /// How often things are tried.
    pub attempts: Attempts,
    /// How answers are drawn; a kind that is missing has the default temperature of its kind.
    pub sampling: BTreeMap<QuestionKind, Sampling>,
    /// Whether requests carry a seed, another one for each question.
    pub send_seed: bool,
    /// How many judgements of a response are joined into one. More than half of them must be readable.
    pub votes: u32,
    /// How they are joined.
    pub vote_rule: VoteRule,
    /// Whether worse responses are written.
    pub pairs: bool,
    /// Whether groups are built.
    pub groups: bool,
    /// What pairs and groups must pass.
    pub checks: Checks,
    /// Near duplicates and contamination.
    pub similarity: SimilarityConfig,
    /// Which of the two models is held to JSON schemas, because its endpoint supports it.
    pub structured_output: Vec<Role>,
    /// How many questions are under way at once at most; rows are taken up far enough ahead to keep so many busy.
    pub concurrency: usize,
    /// The length of a response that estimates reckon with, in tokens.
    pub expected_response_tokens: u64,
}

impl Default for PipelineConfig {
    fn default() -> Self {
        Self {
            seed: 1,
            language: LanguageChoice::default(),
            counts: CountDistribution::paper_training(),
            evaluation_counts: CountDistribution::paper_evaluation(),
            count_tolerance: Some(1),
            offered_dimensions: 12,
            attempts: Attempts::default(),
            sampling: BTreeMap::new(),
            send_seed: true,
            votes: 1,
            vote_rule: VoteRule::default(),
            pairs: true,
            groups: true,
            checks: Checks::STRICT,
            similarity: SimilarityConfig::default(),
            structured_output: Vec::new(),
            concurrency: 64,
            expected_response_tokens: 400,
        }
    }
}

impl PipelineConfig {
    /// How answers to a kind of question are drawn.
    pub fn sampling(&self, kind: QuestionKind) -> Sampling {
        let default = || Sampling { temperature: Some(kind.default_temperature()), ..Sampling::default() };
        self.sampling.get(&kind).cloned().unwrap_or_else(default)
    }

    /// Everything that is wrong with it, in words.
    pub fn problems(&self) -> Vec<String> {
        let at_least_one = [
            ("attempts.answer", self.attempts.answer > 0),
            ("attempts.instruction", self.attempts.instruction > 0),
            ("attempts.response", self.attempts.response > 0),
            ("attempts.worse_response", self.attempts.worse_response > 0),
            ("attempts.group", self.attempts.group > 0),
            ("votes", self.votes > 0),
            ("concurrency", self.concurrency > 0),
            ("offered_dimensions", self.offered_dimensions > 0),
        ];
        let mut problems: Vec<String> = at_least_one
            .iter()
            .filter(|(_, holds)| !holds)
            .map(|(name, _)| format!("`{name}` is 0, which is not at least 1"))
            .collect();
        if !(self.similarity.threshold > 0.0 && self.similarity.threshold <= 1.0) {
            let threshold = self.similarity.threshold;
            problems
                .push(format!("`similarity.threshold` is {threshold}, which is not above 0 and at most 1"));
        }
        for (name, counts) in [("counts", &self.counts), ("evaluation.counts", &self.evaluation_counts)] {
            if counts.largest() > MAX_CONSTRAINTS {
                problems.push(format!("`{name}` goes beyond {MAX_CONSTRAINTS} constraints"));
            }
        }
        problems
    }
}
