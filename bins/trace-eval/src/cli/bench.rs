//! The arguments of benchmarks whose data the user brings along.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Serialize;
use trace_score::cfbench::CfBenchQuirks;
use trace_score::complexbench::ComplexBenchQuirks;

use super::JudgeArgs;

/// The arguments of `trace-eval cfbench` and `trace-eval complexbench`.
#[derive(Debug, Args)]
pub(crate) struct BenchArgs {
    /// Your own copy of the benchmark's data.
    #[arg(long, value_name = "FILE")]
    pub(crate) data: PathBuf,

    /// The answers: id and response per line, as `trace-eval answer` writes them; without it, those that CFBench's data may
    /// hold.
    #[arg(long, value_name = "FILE")]
    pub(crate) answers: Option<PathBuf>,

    /// The folder for the results; made if it is missing.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,

    /// Whether the quirks of the released code are reproduced, all or none.
    #[arg(long, value_enum, default_value_t = Mode::Fixed)]
    pub(crate) mode: Mode,

    /// What the report calls the system that answered.
    #[arg(long, value_name = "NAME")]
    pub(crate) system: Option<String>,

    /// Most answers that the report shows, of those that do not satisfy every criterion.
    #[arg(long, value_name = "N", default_value_t = 300)]
    pub(crate) show: usize,

    /// Print the results as one line of JSON instead of tables.
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) judge: JudgeArgs,
}

/// What becomes of the quirks of a benchmark's released code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mode {
    /// All are reproduced.
    Official,
    /// None is.
    Fixed,
}

impl From<Mode> for CfBenchQuirks {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Official => Self::official(),
            Mode::Fixed => Self::none(),
        }
    }
}

impl From<Mode> for ComplexBenchQuirks {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Official => Self::official(),
            Mode::Fixed => Self::none(),
        }
    }
}
