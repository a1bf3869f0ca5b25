//! Stands in for local models in a program built without them.

use std::path::Path;

use anyhow::{Result, bail};

use super::Collected;
use super::prompts::Prompt;
use crate::cli::AnswerArgs;
use crate::provenance::Provenance;

pub(super) fn answer(
    _: &AnswerArgs,
    _: &Path,
    _: &[Prompt],
    _: Provenance,
) -> Result<(Collected, Provenance)> {
    bail!("this program was built without local models: build it with `--features local`, or use --endpoint")
}
