//! The formats, and which shapes they have a form for.

use std::fmt;

use super::Shape;

/// How rows are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExportFormat {
    /// The rows of this crate.
    Trace,
    /// LLaMA-Factory's sharegpt: `conversations`, for rankings with `chosen` and `rejected`. A group has two human
    /// turns, x₁ and x₂, and y₁ and y₂ as `chosen` and `rejected`: the paper's `trace.json`.
    Sharegpt,
    /// LLaMA-Factory's alpaca: `instruction`, `input`, and `output` or `chosen` and `rejected`.
    Alpaca,
    /// TRL's standard format: `prompt` with `chosen` and `rejected`, with `completion`, or alone, all of them texts.
    Trl,
    /// TRL's conversational format: the same, all of them lists of messages.
    TrlChat,
    /// `messages` with roles, for supervised fine-tuning.
    Messages,
}

impl ExportFormat {
    /// All formats.
    pub const ALL: [Self; 6] =
        [Self::Trace, Self::Sharegpt, Self::Alpaca, Self::Trl, Self::TrlChat, Self::Messages];

    /// The name on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Sharegpt => "sharegpt",
            Self::Alpaca => "alpaca",
            Self::Trl => "trl",
            Self::TrlChat => "trl-chat",
            Self::Messages => "messages",
        }
    }

    /// The shapes that have a form in this format.
    pub const fn shapes(self) -> &'static [Shape] {
        use Shape::{Completion, Evaluation, Group, Pair};
        match self {
            Self::Trace => &[Group, Pair, Completion, Evaluation],
            Self::Sharegpt => &[Group, Pair, Completion],
            Self::Alpaca => &[Pair, Completion],
            Self::Trl | Self::TrlChat => &[Pair, Completion, Evaluation],
            Self::Messages => &[Completion],
        }
    }

    /// Whether LLaMA-Factory needs an entry in `dataset_info.json` to read it.
    pub const fn has_dataset_info(self) -> bool {
        matches!(self, Self::Sharegpt | Self::Alpaca)
    }
}

impl fmt::Display for ExportFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
