//! The kinds of questions, and how each is asked.

use serde::Serialize;
use serde_json::{Map, Value};

/// What a model is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum QuestionKind {
    /// Add constraints to an instruction.
    Expansion,
    /// Take an instruction apart.
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
    pub const fn role(self) -> Role {
        match self {
            Self::QualityControl | Self::Evaluation | Self::Rationality => Role::Judge,
            _ => Role::Generator,
        }
    }

    /// Judging and taking apart have one right answer and are asked at temperature 0; writing is asked at 0.8.
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
pub enum Role {
    /// Writes instructions and responses.
    Generator,
    /// Judges them. It may be the same model.
    Judge,
}

/// How answers to one kind of question are drawn; what is absent is the endpoint's default.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Sampling {
    /// Softmax temperature.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// Mass of the nucleus that tokens are drawn from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f64>,
    /// Most tokens of an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    /// Further keys of the request, such as vLLM's `repetition_penalty`.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub extra: Map<String, Value>,
}
