//! How data is built: models, kinds of questions, sampling, languages, attempts and checks.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};
use trace_score::ReasoningMode;
use trace_score::trace::{PromptLanguage, VoteRule};
use trace_world::CountDistribution;

/// The most constraints that an instruction may have: the paper's largest number.
pub const MAX_CONSTRAINTS: usize = 15;

/// How often a step is tried before a row is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Attempts {
    /// One question, until its answer can be read; 3 by default.
    pub answer: u32,
    /// Expanding, structuring and checking an instruction, until it passes; 2 by default.
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

/// Checks of preference pairs and groups beyond the paper's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Checks {
    /// A worse response must have less than the full score. The paper does not check it.
    pub worse_is_worse: bool,
    /// y₂ must not satisfy x₁. The paper does not ask for it.
    pub second_violates_first: bool,
}

impl Checks {
    /// The checks of Appendices C and D alone.
    pub const PAPER: Self = Self { worse_is_worse: false, second_violates_first: false };
    /// All checks.
    pub const STRICT: Self = Self { worse_is_worse: true, second_violates_first: true };
}

/// The treatment of similar texts.
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
    /// How far an instruction's number of constraints may be from the sampled one; without a tolerance, any number passes.
    pub count_tolerance: Option<usize>,
    /// How many dimensions, sampled for each row, an expansion may choose from; 26 for all.
    pub offered_dimensions: usize,
    /// How often things are tried.
    pub attempts: Attempts,
    /// How answers are sampled; a missing kind has its default temperature.
    pub sampling: BTreeMap<QuestionKind, Sampling>,
    /// Whether requests carry a seed, another one for each question.
    pub send_seed: bool,
    /// How many judgements of a response are combined into one. More than half of them must be readable.
    pub votes: u32,
    /// How they are combined.
    pub vote_rule: VoteRule,
    /// Whether worse responses are written.
    pub pairs: bool,
    /// Whether groups are built.
    pub groups: bool,
    /// The checks that pairs and groups must pass.
    pub checks: Checks,
    /// Near duplicates and contamination.
    pub similarity: SimilarityConfig,
    /// Which of the two models is held to JSON schemas, because its endpoint supports it.
    pub structured_output: Vec<ModelRole>,
    /// What becomes of the reasoning in responses. Answers that are read, such as judgements, are read without it.
    pub reasoning: ReasoningMode,
    /// The most questions at once; enough rows are started ahead to use all of it.
    pub concurrency: usize,
    /// The length of a response that estimates assume, in tokens.
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
            reasoning: ReasoningMode::default(),
            concurrency: 64,
            expected_response_tokens: 400,
        }
    }
}

impl PipelineConfig {
    /// How answers to a kind of question are sampled.
    pub fn sampling(&self, kind: QuestionKind) -> Sampling {
        let default = || Sampling { temperature: Some(kind.default_temperature()), ..Sampling::default() };
        self.sampling.get(&kind).cloned().unwrap_or_else(default)
    }

    /// Every problem of the configuration, in words.
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

/// A kind of question to a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum QuestionKind {
    /// Add constraints to an instruction.
    Expansion,
    /// Split an instruction into its parts.
    Structuring,
    /// Say whether an instruction is complete, or redundant.
    QualityControl,
    /// Correct an instruction.
    Repair,
    /// Write a response.
    Response,
    /// Score a response.
    Evaluation,
    /// Write a worse response.
    WorseResponse,
    /// Change constraints.
    Perturbation,
    /// Check the four pairs of a group.
    Rationality,
}

impl QuestionKind {
    /// All of them, in the order of the pipeline.
    pub const ALL: [Self; 9] = [
        Self::Expansion,
        Self::Structuring,
        Self::QualityControl,
        Self::Repair,
        Self::Response,
        Self::Evaluation,
        Self::WorseResponse,
        Self::Perturbation,
        Self::Rationality,
    ];

    /// The name in configurations, in kebab case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Expansion => "expansion",
            Self::Structuring => "structuring",
            Self::QualityControl => "quality-control",
            Self::Repair => "repair",
            Self::Response => "response",
            Self::Evaluation => "evaluation",
            Self::WorseResponse => "worse-response",
            Self::Perturbation => "perturbation",
            Self::Rationality => "rationality",
        }
    }

    /// Who is asked.
    pub const fn role(self) -> ModelRole {
        match self {
            Self::QualityControl | Self::Evaluation | Self::Rationality => ModelRole::Judge,
            _ => ModelRole::Generator,
        }
    }

    /// Judging and structuring have one right answer and are asked at temperature 0; writing is asked at 0.8.
    pub const fn default_temperature(self) -> f64 {
        match self {
            Self::Expansion | Self::Response | Self::WorseResponse | Self::Perturbation => 0.8,
            _ => 0.0,
        }
    }
}

/// Which of the two models is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ModelRole {
    /// Writes instructions and responses.
    Generator,
    /// Judges them. It may be the same model.
    Judge,
}

/// How answers to one kind of question are sampled; an absent field means the endpoint's default.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Sampling {
    /// Softmax temperature.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// Probability mass of the nucleus that tokens are sampled from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    /// Most tokens of an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    /// Further keys of the request, such as vLLM's `repetition_penalty`.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub extra: Map<String, Value>,
}

/// From this share of letters on, Chinese characters make a text Chinese. A Chinese character says as much as a word
/// of several letters, so the share is low.
const HAN_SHARE: f64 = 0.2;

/// Which prompts a row gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LanguageChoice {
    /// The prompts of the seed's language, Chinese or else English.
    #[default]
    Auto,
    /// English prompts for all.
    En,
    /// Chinese prompts for all.
    Zh,
}

impl LanguageChoice {
    /// The language for a text.
    pub fn of(self, text: &str) -> PromptLanguage {
        match self {
            Self::En => PromptLanguage::English,
            Self::Zh => PromptLanguage::Chinese,
            Self::Auto if is_chinese(text) => PromptLanguage::Chinese,
            Self::Auto => PromptLanguage::English,
        }
    }
}

fn is_chinese(text: &str) -> bool {
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    let han = text.chars().filter(|c| ('\u{4e00}'..='\u{9fff}').contains(c)).count();
    han > 0 && han as f64 >= HAN_SHARE * letters as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chinese_text_gets_chinese_prompts_and_all_else_english_ones() {
        let auto = |text| LanguageChoice::Auto.of(text);
        for text in ["写一首诗", "用 Python 写一个排序函数"] {
            assert_eq!(auto(text), PromptLanguage::Chinese, "{text}");
        }
        for text in ["Write a poem.", "", "123", "What does the character 福 mean on red paper?"] {
            assert_eq!(auto(text), PromptLanguage::English, "{text}");
        }
        assert_eq!(LanguageChoice::En.of("写一首诗"), PromptLanguage::English);
    }
}
