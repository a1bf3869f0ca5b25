//! Verdicts on all prompts, and their accuracies.

use serde::Serialize;

use super::{Category, Checker, InstructionKind, Prompt, ResponseForms};

/// The verdicts on one prompt's response.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PromptVerdict {
    /// The prompt's key.
    pub key: u64,
    /// Whether there was a response.
    pub response: ResponseState,
    /// The verdict on each instruction.
    pub instructions: Vec<InstructionVerdict>,
}

/// The response to a prompt, or how it is absent; an absent one follows no instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GivenResponse<T = String> {
    /// A text.
    Text(T),
    /// The response is null.
    Null,
    /// There is no response.
    Missing,
}

impl<T> From<Option<T>> for GivenResponse<T> {
    /// `None` is null.
    fn from(response: Option<T>) -> Self {
        response.map_or(Self::Null, Self::Text)
    }
}

impl<'a> From<&'a str> for GivenResponse<&'a str> {
    fn from(response: &'a str) -> Self {
        Self::Text(response)
    }
}

impl<'a> From<&'a GivenResponse> for GivenResponse<&'a str> {
    fn from(response: &'a GivenResponse) -> Self {
        match response {
            GivenResponse::Text(text) => Self::Text(text),
            GivenResponse::Null => Self::Null,
            GivenResponse::Missing => Self::Missing,
        }
    }
}

/// Whether a prompt has a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ResponseState {
    /// There is one.
    Given,
    /// The response is null; the official program ends with an error there.
    Null,
    /// The prompt has no response; the official program ends with an error there.
    Missing,
}

/// The verdict on one instruction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InstructionVerdict {
    /// The kind of the instruction.
    pub kind: InstructionKind,
    /// Whether the response follows it.
    pub strict: bool,
    /// Whether some form of the response follows it.
    pub loose: bool,
    /// Why the check came to no verdict, if so; the instruction counts as not followed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undecided: Option<String>,
}

impl PromptVerdict {
    /// Checks one response: a text, an `Option` of one, or a [`GivenResponse`].
    pub fn new<'a>(checker: &Checker, prompt: &Prompt, response: impl Into<GivenResponse<&'a str>>) -> Self {
        // A blank text follows no instruction and comes to a verdict at once.
        let (state, text) = match response.into() {
            GivenResponse::Text(text) => (ResponseState::Given, text),
            GivenResponse::Null => (ResponseState::Null, ""),
            GivenResponse::Missing => (ResponseState::Missing, ""),
        };
        let forms = ResponseForms::new(text);
        let verdict = |instruction| {
            let kind = super::Instruction::kind(instruction);
            match checker.verdict(instruction, &forms) {
                Ok(verdict) => {
                    let super::Verdict { strict, loose } = verdict;
                    InstructionVerdict { kind, strict, loose, undecided: None }
                }
                Err(error) => InstructionVerdict {
                    kind,
                    strict: false,
                    loose: false,
                    undecided: Some(error.to_string()),
                },
            }
        };
        Self {
            key: prompt.key,
            response: state,
            instructions: prompt.instructions.iter().map(verdict).collect(),
        }
    }

    /// Whether the response follows every instruction as it stands.
    pub fn strict(&self) -> bool {
        self.instructions.iter().all(|instruction| instruction.strict)
    }

    /// Whether every instruction is followed by some form of the response.
    pub fn loose(&self) -> bool {
        self.instructions.iter().all(|instruction| instruction.loose)
    }
}

/// A number followed out of a total.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Accuracy {
    /// The number followed.
    pub followed: u64,
    /// All.
    pub total: u64,
}

impl Accuracy {
    /// followed / total, from 0 to 1; `None` where the total is 0.
    pub fn fraction(self) -> Option<f64> {
        (self.total > 0).then(|| self.followed as f64 / self.total as f64)
    }

    fn of(verdicts: impl Iterator<Item = bool>) -> Self {
        verdicts.fold(Self::default(), |sum, followed| Self {
            followed: sum.followed + u64::from(followed),
            total: sum.total + 1,
        })
    }
}

/// Both accuracies of a part of the instructions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct PartAccuracy<T> {
    /// The part: a kind or a category.
    pub part: T,
    /// Of the responses as they stand.
    pub strict: Accuracy,
    /// Of any of their forms.
    pub loose: Accuracy,
}

/// The four accuracies of IFEval, and their parts.
///
/// # Source
///
/// Zhou et al. (2023), Section 3: prompt-level and instruction-level accuracy, strict and loose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Results {
    /// Prompts all of whose instructions are followed.
    pub prompt_strict: Accuracy,
    /// Prompts all of whose instructions are followed loosely.
    pub prompt_loose: Accuracy,
    /// Instructions that are followed.
    pub instruction_strict: Accuracy,
    /// Instructions that are followed loosely.
    pub instruction_loose: Accuracy,
    /// Prompts without a response; they count as not followed.
    pub missing: u64,
    /// Prompts whose response is null; they count as not followed.
    pub null: u64,
    /// Instructions whose check came to no verdict; they count as not followed.
    pub undecided: u64,
    /// The accuracies of each kind that occurs.
    pub kinds: Vec<PartAccuracy<InstructionKind>>,
    /// The accuracies of each category that occurs.
    pub categories: Vec<PartAccuracy<Category>>,
}

impl Results {
    /// Sums up the verdicts.
    pub fn of(verdicts: &[PromptVerdict]) -> Self {
        let instructions: Vec<&InstructionVerdict> =
            verdicts.iter().flat_map(|verdict| &verdict.instructions).collect();
        let with_state = |state| verdicts.iter().filter(|verdict| verdict.response == state).count() as u64;
        Self {
            prompt_strict: Accuracy::of(verdicts.iter().map(PromptVerdict::strict)),
            prompt_loose: Accuracy::of(verdicts.iter().map(PromptVerdict::loose)),
            instruction_strict: Accuracy::of(instructions.iter().map(|verdict| verdict.strict)),
            instruction_loose: Accuracy::of(instructions.iter().map(|verdict| verdict.loose)),
            missing: with_state(ResponseState::Missing),
            null: with_state(ResponseState::Null),
            undecided: instructions.iter().filter(|verdict| verdict.undecided.is_some()).count() as u64,
            kinds: parts(&instructions, &InstructionKind::ALL, |kind| kind),
            categories: parts(&instructions, &Category::ALL, InstructionKind::category),
        }
    }
}

/// The accuracies of all parts that occur.
fn parts<T: Copy + PartialEq>(
    verdicts: &[&InstructionVerdict],
    all: &[T],
    part_of: impl Fn(InstructionKind) -> T,
) -> Vec<PartAccuracy<T>> {
    let accuracy = |&part: &T| {
        let within = || verdicts.iter().filter(|verdict| part_of(verdict.kind) == part);
        PartAccuracy {
            part,
            strict: Accuracy::of(within().map(|verdict| verdict.strict)),
            loose: Accuracy::of(within().map(|verdict| verdict.loose)),
        }
    };
    all.iter().map(accuracy).filter(|part| part.strict.total > 0).collect()
}
