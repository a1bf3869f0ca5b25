//! The arguments of `trace-build export`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use trace_schema::export::{ExportFormat, Shape};

use super::UnknownLabelsArg;

/// The arguments of `trace-build export`.
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// The rows to export.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,

    /// How rows are laid out.
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub(crate) to: FormatArg,

    /// The file to write, whole or not at all; .jsonl, .json or .parquet says of which kind.
    #[arg(long, value_name = "PATH")]
    pub(crate) out: PathBuf,

    /// What rows are taken for: a group also holds two pairs, two completions and two instructions.
    ///
    /// Without it a row stays what it is.
    #[arg(long = "as", value_enum, value_name = "SHAPE")]
    pub(crate) shape: Option<ShapeArg>,

    /// The name in dataset_info.json beside the file, which sharegpt and alpaca are entered into.
    ///
    /// Without it, that of the file without its end.
    #[arg(long)]
    pub(crate) name: Option<String>,

    /// Give the formats of other programs the row's id as a further column.
    #[arg(long)]
    pub(crate) ids: bool,

    /// The category of evaluation rows that are made of other rows.
    #[arg(long, default_value = "trace")]
    pub(crate) category: String,

    /// What to do with labels that name none of the 26 dimensions.
    #[arg(long, value_enum, default_value_t = UnknownLabelsArg::Error)]
    pub(crate) unknown_labels: UnknownLabelsArg,
}

/// A format, as typed.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum FormatArg {
    /// Our own rows.
    Trace,
    /// LLaMA-Factory's conversations; groups as in the paper's trace.json.
    #[value(alias = "trace-json")]
    Sharegpt,
    /// LLaMA-Factory's instruction, input and output, or chosen and rejected.
    Alpaca,
    /// TRL's prompt, chosen, rejected and completion as texts.
    Trl,
    /// The same as lists of messages.
    TrlChat,
    /// Lists of messages for supervised fine-tuning.
    Messages,
}

impl From<FormatArg> for ExportFormat {
    fn from(typed: FormatArg) -> Self {
        match typed {
            FormatArg::Trace => Self::Trace,
            FormatArg::Sharegpt => Self::Sharegpt,
            FormatArg::Alpaca => Self::Alpaca,
            FormatArg::Trl => Self::Trl,
            FormatArg::TrlChat => Self::TrlChat,
            FormatArg::Messages => Self::Messages,
        }
    }
}

/// What rows are taken for, as typed.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum ShapeArg {
    /// Two instructions and two responses, four cells.
    Groups,
    /// One instruction with a better and a worse response; DPO* of a group.
    Pairs,
    /// One instruction with its response; SFT* of a group.
    Completions,
    /// Instructions to answer and judge.
    Evaluation,
}

impl From<ShapeArg> for Shape {
    fn from(typed: ShapeArg) -> Self {
        match typed {
            ShapeArg::Groups => Self::Group,
            ShapeArg::Pairs => Self::Pair,
            ShapeArg::Completions => Self::Completion,
            ShapeArg::Evaluation => Self::Evaluation,
        }
    }
}
