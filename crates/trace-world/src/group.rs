//! Preference groups and pairs.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use trace_schema::{ConstraintOperation, PreferenceGroup, PreferencePair, Provenance};

use crate::writer::worsen;
use crate::{Judge, Task, TaskSampler, WorldRng};

/// Why a candidate was not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Rejection {
    /// The constraints could not be changed in the wanted way.
    NoPerturbation,
    /// x₂ and x₁ have the same words.
    SamePrompt,
    /// The writer gave no y₁.
    NoFirstResponse,
    /// The writer gave no y₂.
    NoSecondResponse,
    /// y₁ does not follow x₁.
    FirstIsWrong,
    /// y₁ follows x₂ too.
    FirstFitsSecond,
    /// y₂ does not follow x₂.
    SecondIsWrong,
    /// y₂ follows x₁ too.
    SecondFitsFirst,
    /// y₁ and y₂ are the same text.
    SameResponse,
    /// No worse response was found, or the better one is the same text.
    NoWorseResponse,
    /// The prompt is one of an evaluation set.
    InEvaluation,
    /// The prompt has been used.
    Repeated,
}

impl Rejection {
    /// Its name in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoPerturbation => "no_perturbation",
            Self::SamePrompt => "same_prompt",
            Self::NoFirstResponse => "no_first_response",
            Self::NoSecondResponse => "no_second_response",
            Self::FirstIsWrong => "first_is_wrong",
            Self::FirstFitsSecond => "first_fits_second",
            Self::SecondIsWrong => "second_is_wrong",
            Self::SecondFitsFirst => "second_fits_first",
            Self::SameResponse => "same_response",
            Self::NoWorseResponse => "no_worse_response",
            Self::InEvaluation => "in_evaluation",
            Self::Repeated => "repeated",
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// How many candidates were not kept, by reason.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct Rejections {
    counts: BTreeMap<Rejection, u64>,
}

impl Rejections {
    /// Counts one more.
    pub fn add(&mut self, reason: Rejection) {
        *self.counts.entry(reason).or_default() += 1;
    }

    /// The number for one reason.
    pub fn of(&self, reason: Rejection) -> u64 {
        self.counts.get(&reason).copied().unwrap_or_default()
    }

    /// Reasons that occurred, with their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (Rejection, u64)> {
        self.counts.iter().map(|(reason, count)| (*reason, *count))
    }

    /// All together.
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }
}

/// Which of the four cells of a group must be as wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conditions {
    /// y₂ violates x₁. The paper does not ask for it.
    pub second_violates_first: bool,
}

impl Conditions {
    /// y₁ follows x₁ and violates x₂; y₂ follows x₂.
    ///
    /// # Source
    ///
    /// IOPO (ACL 2025), Appendix D.
    pub const PAPER: Self = Self { second_violates_first: false };

    /// The paper's conditions, and y₂ violates x₁.
    pub const ALL_FOUR: Self = Self { second_violates_first: true };
}

/// A preference group with the meaning of its instructions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// How x₂ came from x₁.
    pub operation: ConstraintOperation,
    /// The original instruction.
    pub x1: Task,
    /// Its response.
    pub y1: String,
    /// The changed instruction.
    pub x2: Task,
    /// Its response.
    pub y2: String,
}

impl Group {
    /// The row of the schema.
    pub fn into_row(self, id: impl Into<String>, provenance: Option<Provenance>) -> PreferenceGroup {
        PreferenceGroup {
            id: id.into(),
            operation: self.operation,
            x1: self.x1.instruction(),
            y1: self.y1,
            x2: self.x2.instruction(),
            y2: self.y2,
            provenance,
        }
    }
}

/// Builds preference groups and pairs from a writer's responses.
///
/// The writer is a closure: the oracle (`|task, rng| Some(task.respond(rng))`), a [`Teacher`](crate::Teacher), or a
/// lookup of samples that a model gave. It may give nothing.
#[derive(Debug, Clone)]
pub struct GroupBuilder<'a> {
    /// Changes the constraints of x₁.
    pub sampler: &'a TaskSampler,
    /// Decides about every condition.
    pub judge: Judge,
    /// Which of the four cells are checked.
    pub conditions: Conditions,
}

impl GroupBuilder<'_> {
    /// A group around x₁, with y₁ by the writer.
    ///
    /// # Errors
    ///
    /// The first [`Rejection`] met.
    pub fn group(
        &self,
        x1: &Task,
        operation: ConstraintOperation,
        writer: &mut impl FnMut(&Task, &mut WorldRng) -> Option<String>,
        rng: &mut WorldRng,
    ) -> Result<Group, Rejection> {
        let y1 = writer(x1, rng).ok_or(Rejection::NoFirstResponse)?;
        if !self.judge.accepts(x1, &y1, rng) {
            return Err(Rejection::FirstIsWrong);
        }
        self.group_from(x1, y1, operation, writer, rng)
    }

    /// A group around x₁ and a y₁ that is known to follow it.
    ///
    /// # Errors
    ///
    /// The first [`Rejection`] met.
    pub fn group_from(
        &self,
        x1: &Task,
        y1: String,
        operation: ConstraintOperation,
        writer: &mut impl FnMut(&Task, &mut WorldRng) -> Option<String>,
        rng: &mut WorldRng,
    ) -> Result<Group, Rejection> {
        let x2 = self.sampler.perturb(x1, operation, rng).ok_or(Rejection::NoPerturbation)?;
        if x1.prompt() == x2.prompt() {
            return Err(Rejection::SamePrompt);
        }
        if self.judge.accepts(&x2, &y1, rng) {
            return Err(Rejection::FirstFitsSecond);
        }
        let y2 = writer(&x2, rng).ok_or(Rejection::NoSecondResponse)?;
        if y1 == y2 {
            return Err(Rejection::SameResponse);
        }
        if !self.judge.accepts(&x2, &y2, rng) {
            return Err(Rejection::SecondIsWrong);
        }
        if self.conditions.second_violates_first && self.judge.accepts(x1, &y2, rng) {
            return Err(Rejection::SecondFitsFirst);
        }
        Ok(Group { operation, x1: x1.clone(), y1, x2, y2 })
    }

    /// The paper's pair for DPO: a response that follows the task, and a worse one.
    ///
    /// # Errors
    ///
    /// The first [`Rejection`] met.
    ///
    /// # Source
    ///
    /// IOPO (ACL 2025), Appendix C.
    pub fn pair(
        &self,
        task: &Task,
        id: impl Into<String>,
        writer: &mut impl FnMut(&Task, &mut WorldRng) -> Option<String>,
        rng: &mut WorldRng,
    ) -> Result<PreferencePair, Rejection> {
        let chosen = writer(task, rng).ok_or(Rejection::NoFirstResponse)?;
        if !self.judge.accepts(task, &chosen, rng) {
            return Err(Rejection::FirstIsWrong);
        }
        pair_from(task, chosen, id, rng)
    }
}

/// The pair of a response with a worse one.
///
/// # Errors
///
/// [`Rejection::NoWorseResponse`].
pub fn pair_from(
    task: &Task,
    chosen: String,
    id: impl Into<String>,
    rng: &mut WorldRng,
) -> Result<PreferencePair, Rejection> {
    let rejected = worsen(task, rng).filter(|worse| *worse != chosen).ok_or(Rejection::NoWorseResponse)?;
    Ok(PreferencePair { id: id.into(), instruction: task.instruction(), chosen, rejected, provenance: None })
}
