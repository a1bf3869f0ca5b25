//! Why a step does not give a row.

use super::error::PipelineError;
use super::stage::{Reason, Stage};

/// A step without a result.
#[derive(Debug)]
pub(super) enum StepError {
    /// The row is not kept.
    Rejected(Fault),
    /// The run cannot go on. Boxed, since it is large and rare.
    Broken(Box<PipelineError>),
}

/// What is wrong with a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub stage: Stage,
    pub reason: Reason,
    pub detail: Option<String>,
}

impl Fault {
    pub fn new(stage: Stage, reason: Reason, detail: impl Into<String>) -> Self {
        let detail: String = detail.into();
        Self { stage, reason, detail: Some(detail).filter(|detail| !detail.is_empty()) }
    }
}

impl StepError {
    pub fn reject(stage: Stage, reason: Reason, detail: impl Into<String>) -> Self {
        Self::Rejected(Fault::new(stage, reason, detail))
    }

    /// Whether another attempt may do better.
    pub fn is_worth_another_attempt(&self) -> bool {
        matches!(self, Self::Rejected(fault) if !fault.reason.is_open())
    }
}

impl From<Fault> for StepError {
    fn from(fault: Fault) -> Self {
        Self::Rejected(fault)
    }
}

impl From<PipelineError> for StepError {
    fn from(error: PipelineError) -> Self {
        Self::Broken(Box::new(error))
    }
}
