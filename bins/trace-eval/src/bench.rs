//! Where the numbers of a benchmark come from whose data the user brings along.

use anyhow::Result;
use serde::Serialize;

use crate::cli::{BenchArgs, Mode};
use crate::files::{file_digest, version};
use crate::provenance::JudgeProvenance;

/// What a run was made of.
#[derive(Debug, Serialize)]
pub(crate) struct BenchProvenance {
    program: String,
    pub(crate) system: String,
    mode: Mode,
    data: String,
    data_sha256: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    answers: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answers_sha256: Option<String>,
    #[serde(flatten)]
    judge: JudgeProvenance,
}

impl BenchProvenance {
    /// Of the files as they are now; `model` is who answered, as the answers say.
    pub(crate) fn new(args: &BenchArgs, judge: JudgeProvenance, model: Option<String>) -> Result<Self> {
        let file = args.answers.as_ref().unwrap_or(&args.data);
        let stem = || file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self {
            program: version(),
            system: args.system.clone().or(model).unwrap_or_else(stem),
            mode: args.mode,
            data: args.data.display().to_string(),
            data_sha256: file_digest(&args.data)?,
            answers: args.answers.as_ref().map(|path| path.display().to_string()),
            answers_sha256: args.answers.as_deref().map(file_digest).transpose()?,
            judge,
        })
    }
}
