//! The output folder: what a run finds in it, and may replace.

use std::path::{Path, PathBuf};

use crate::checkpoint::FINAL;
use crate::config::TrainConfig;
use crate::error::TrainError;
use crate::files::{create_folder, read_folder, remove_file, remove_folder};

pub(crate) const STATE: &str = "trainer_state.json";
pub(crate) const LOG: &str = "trainer_log.jsonl";
pub(crate) const CHECKPOINT: &str = "checkpoint-";

/// What a run leaves in its output folder, besides checkpoints.
const RESULTS: [&str; 5] =
    [LOG, STATE, "adapter_config.json", "adapter_model.safetensors", "model.safetensors"];

/// The checkpoint of the highest step in a folder; incomplete ones do not count.
///
/// # Errors
/// The folder cannot be read.
pub fn latest_checkpoint(output_dir: &Path) -> Result<Option<PathBuf>, TrainError> {
    Ok(checkpoints(output_dir)?.pop().map(|(_, dir)| dir))
}

/// Complete checkpoints by step, the oldest first.
fn checkpoints(output_dir: &Path) -> Result<Vec<(usize, PathBuf)>, TrainError> {
    let mut found: Vec<(usize, PathBuf)> = read_folder(output_dir)?
        .into_iter()
        .filter_map(|dir| {
            let step = dir.file_name()?.to_str()?.strip_prefix(CHECKPOINT)?.parse().ok()?;
            dir.join(STATE).is_file().then_some((step, dir))
        })
        .collect();
    found.sort();
    Ok(found)
}

/// Removes the oldest checkpoints until `keep` are left.
pub(crate) fn remove_old(output_dir: &Path, keep: usize) -> Result<(), TrainError> {
    let found = checkpoints(output_dir)?;
    let surplus = found.len().saturating_sub(keep);
    found.into_iter().take(surplus).try_for_each(|(_, dir)| remove_folder(&dir))
}

/// Checks that a run may write to its output folder; touches nothing.
pub(crate) fn check_output(config: &TrainConfig) -> Result<(), TrainError> {
    let dir = &config.output_dir;
    for input in [Some(&config.model), config.adapter.as_ref()].into_iter().flatten() {
        if is_same_folder(input, dir) {
            return Err(TrainError::OutputIsInput { dir: dir.clone() });
        }
    }
    let may_replace = config.overwrite_output_dir || config.resume.is_some();
    if !may_replace && is_occupied(dir)? {
        return Err(TrainError::OutputExists { dir: dir.clone() });
    }
    Ok(())
}

/// Makes the output folder, and takes out of it what must not stand beside new results.
///
/// Checkpoints of an earlier run would outrank this one's when resuming, and an adapter beside a
/// full model would be taken for a part of it.
pub(crate) fn prepare_output(config: &TrainConfig) -> Result<(), TrainError> {
    check_output(config)?;
    let dir = &config.output_dir;
    create_folder(dir)?;
    for leftover in read_folder(dir)?.iter().filter(|path| is_temporary(path)) {
        remove_folder(leftover)?;
    }
    if config.resume.is_some() {
        return Ok(());
    }
    checkpoints(dir)?.into_iter().try_for_each(|(_, checkpoint)| remove_folder(&checkpoint))?;
    RESULTS.iter().try_for_each(|name| remove_file(&dir.join(name)))
}

fn is_occupied(dir: &Path) -> Result<bool, TrainError> {
    Ok(RESULTS.iter().any(|name| dir.join(name).is_file()) || !checkpoints(dir)?.is_empty())
}

/// A folder of ours that was being written when a run was killed.
fn is_temporary(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    path.is_dir() && (name == FINAL || (name.starts_with(".checkpoint-") && name.ends_with(".tmp")))
}

/// Whether two paths lead to one folder, however they are written.
fn is_same_folder(a: &Path, b: &Path) -> bool {
    match (a.canonicalize(), b.canonicalize()) {
        (Ok(a), Ok(b)) => a == b,
        // One that is not there yet is no other.
        _ => a == b,
    }
}
