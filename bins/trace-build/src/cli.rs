//! What can be typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use trace_schema::UnknownLabels;

/// Builds and describes TRACE data.
#[derive(Debug, Parser)]
#[command(name = "trace-build", version)]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Count the constraints of a data set, by number, type and dimension.
    ///
    /// FILE is JSONL with evaluation rows, preference groups or preference pairs; the first row tells which.
    Stats(StatsArgs),
}

/// The arguments of `trace-build stats`.
#[derive(Debug, Args)]
pub(crate) struct StatsArgs {
    /// The data set to describe.
    pub(crate) file: PathBuf,

    /// Print one JSON document instead of tables.
    #[arg(long)]
    pub(crate) json: bool,

    /// Draw the types and dimensions as two rings and write them to this SVG file.
    #[arg(long, value_name = "OUT.SVG")]
    pub(crate) plot: Option<PathBuf>,

    /// What to do with labels that name none of the 26 dimensions.
    ///
    /// Statistics describe a file as it is, and so such labels are counted and listed unless this says otherwise.
    #[arg(long, value_enum, default_value_t = UnknownLabelsArg::Keep)]
    pub(crate) unknown_labels: UnknownLabelsArg,
}

/// A policy for unknown labels, as typed.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum UnknownLabelsArg {
    /// Stop at the first one.
    Error,
    /// Count and list them.
    Keep,
}

impl From<UnknownLabelsArg> for UnknownLabels {
    fn from(typed: UnknownLabelsArg) -> Self {
        match typed {
            UnknownLabelsArg::Error => Self::Error,
            UnknownLabelsArg::Keep => Self::Keep,
        }
    }
}
