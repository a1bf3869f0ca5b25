//! The arguments of benchmarks whose data the user brings along.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Args, ValueEnum};
use serde::Serialize;
use trace_score::cfbench::CfBenchQuirks;
use trace_score::complexbench::ComplexBenchQuirks;

use super::JudgedArgs;
use crate::provenance::Provenance;

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

    /// Whether the quirks of the released code are reproduced, all or none.
    #[arg(long, value_enum, default_value_t = Mode::Fixed)]
    pub(crate) mode: Mode,

    #[command(flatten)]
    pub(crate) run: JudgedArgs,
}

impl BenchArgs {
    /// The files that are read.
    pub(crate) fn inputs(&self) -> Vec<&Path> {
        [&self.data].into_iter().chain(&self.answers).map(PathBuf::as_path).collect()
    }

    /// With the files and the mode.
    pub(crate) fn provenance(&self, provenance: Provenance) -> Result<Provenance> {
        let provenance = provenance.with("mode", self.mode)?.file("data", &self.data)?;
        match &self.answers {
            Some(answers) => provenance.file("answers", answers),
            None => Ok(provenance),
        }
    }
}

/// Whether the quirks of a benchmark's released code are reproduced.
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
