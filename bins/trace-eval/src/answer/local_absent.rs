//! What stands in the place of local models in a program that has none.

use std::path::Path;

use anyhow::{Result, bail};

use super::Collected;
use super::prompts::Prompt;
use super::provenance::AnsweredBy;
use crate::cli::AnswerArgs;

pub(super) fn answer(_: &AnswerArgs, _: &Path, _: &[Prompt]) -> Result<(Collected, AnsweredBy)> {
    bail!("this program was built without local models: build it with `--features local`, or use --endpoint")
}
