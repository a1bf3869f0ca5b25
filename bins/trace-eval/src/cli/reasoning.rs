//! The argument about the reasoning in answers.

use clap::ValueEnum;
use trace_score::ReasoningMode;

/// What becomes of the reasoning in answers, as typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReasoningArg {
    /// Answers are taken as they are.
    Keep,
    /// Reasoning is taken out.
    Strip,
    /// Reasoning is taken out, and written into a field of its own where answers are written.
    Separate,
}

impl From<ReasoningArg> for ReasoningMode {
    fn from(typed: ReasoningArg) -> Self {
        match typed {
            ReasoningArg::Keep => Self::Keep,
            ReasoningArg::Strip => Self::Strip,
            ReasoningArg::Separate => Self::Separate,
        }
    }
}
