//! The output folder: its present files, and which of them a run may replace.

use std::path::{Path, PathBuf};

use iopo_files::{FileLock, remove_unfinished};

use crate::checkpoint::{Checkpoint, FINAL};
use crate::config::TrainConfig;
use crate::error::TrainError;
use crate::files::{create_folder, read_folder, remove_file, remove_folder};

pub(crate) const STATE: &str = "trainer_state.json";
pub(crate) const LOG: &str = "trainer_log.jsonl";
pub(crate) const CHECKPOINT: &str = "checkpoint-";
const ANSWERS: &str = "eval_answers";

impl TrainConfig {
    /// The folder for answers to `eval_prompts`; a run that starts anew removes it with the other results.
    #[must_use]
    pub fn answers_dir(&self) -> PathBuf {
        self.output_dir.join(ANSWERS)
    }
}

const ADAPTER_CONFIG: &str = "adapter_config.json";

/// Held while a run writes; an OS lock, so a killed run leaves the file but not the lock.
const LOCK: &str = ".lock";

/// The files that a run leaves in its output folder besides checkpoints; the state, which shows that the
/// weights are ours, is removed last.
const RESULTS: [&str; 5] = [LOG, ADAPTER_CONFIG, "adapter_model.safetensors", "model.safetensors", STATE];

/// The checkpoint that a configuration asks to continue from, if it asks for one.
///
/// # Errors
/// No checkpoint where the latest is wanted.
pub(crate) fn resumed_checkpoint(config: &TrainConfig) -> Result<Option<PathBuf>, TrainError> {
    let dir = match &config.resume {
        None => return Ok(None),
        Some(dir) if dir.as_os_str().is_empty() => latest_checkpoint(&config.output_dir)?,
        Some(dir) => Some(dir.clone()),
    };
    let missing = || TrainError::at(&config.output_dir, "there is no checkpoint to resume from");
    dir.ok_or_else(missing).map(Some)
}

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

/// Removes the oldest checkpoints until `keep` are left; `spared` stays besides them.
pub(crate) fn remove_old(output_dir: &Path, keep: usize, spared: Option<&Path>) -> Result<(), TrainError> {
    let mut found = checkpoints(output_dir)?;
    found.retain(|(_, dir)| Some(dir.as_path()) != spared);
    let surplus = found.len().saturating_sub(keep);
    found.into_iter().take(surplus).try_for_each(|(_, dir)| remove_folder(&dir))
}

/// Checks that a run may write to its output folder; touches nothing.
pub(crate) fn check_output(config: &TrainConfig, is_ours: bool) -> Result<(), TrainError> {
    let dir = &config.output_dir;
    let reference = &config.reference;
    let inputs =
        [Some(&config.model), config.adapter.as_ref(), reference.model.as_ref(), reference.adapter.as_ref()];
    for input in inputs.into_iter().flatten() {
        if is_same_folder(input, dir) {
            let reason = "this is the folder of the model or adapter that training starts from, or of its reference; \
                          choose another output_dir";
            return Err(TrainError::at(dir, reason));
        }
    }
    if !is_ours && FileLock::is_held(&dir.join(LOCK))? {
        return Err(in_use(dir));
    }
    check_contents(config)
}

fn in_use(dir: &Path) -> TrainError {
    TrainError::at(dir, "another run is writing to it; wait for it to end, or choose another output_dir")
}

/// Makes the output folder that [`check_output`] has accepted, takes its lock, and removes what must not stand beside
/// new results.
///
/// Checkpoints of an earlier run would outrank this one's when resuming, and an adapter beside a
/// full model would be taken for a part of it.
pub(crate) fn prepare_output(config: &TrainConfig) -> Result<FileLock, TrainError> {
    let dir = &config.output_dir;
    create_folder(dir)?;
    let lock = FileLock::take(&dir.join(LOCK))?.ok_or_else(|| in_use(dir))?;
    // Another run may have come and gone since the check.
    check_contents(config)?;
    if config.resume.is_none() {
        checkpoints(dir)?.into_iter().try_for_each(|(_, checkpoint)| remove_folder(&checkpoint))?;
        remove_folder(&dir.join(ANSWERS))?;
        RESULTS.iter().try_for_each(|name| remove_file(&dir.join(name)))?;
    }
    // Last: until the results are removed, these files may show that they are ours.
    for leftover in read_folder(dir)?.iter().filter(|path| is_temporary(path)) {
        remove_folder(leftover)?;
    }
    remove_unfinished(dir, &[LOG]).map_err(|source| TrainError::Write { path: dir.clone(), source })?;
    Ok(lock)
}

/// Checks that the files in the output folder may stay or be replaced.
fn check_contents(config: &TrainConfig) -> Result<(), TrainError> {
    let dir = &config.output_dir;
    if config.resume.is_none() && !config.overwrite_output_dir {
        let reason = "it holds results already; set overwrite_output_dir: true to replace them, or \
                      resume_from_checkpoint to go on";
        return if is_occupied(dir)? { Err(TrainError::at(dir, reason)) } else { Ok(()) };
    }
    match foreign(dir, config.resume.is_some())? {
        Some(file) => Err(TrainError::at(
            dir,
            format!(
                "it holds {file}, but no {STATE} of a run of ours beside it: it may be another program's model, and is \
                 not replaced; choose another output_dir, or move it away first"
            ),
        )),
        None => Ok(()),
    }
}

fn is_occupied(dir: &Path) -> Result<bool, TrainError> {
    let has_results = RESULTS.iter().chain(["config.json"].iter()).any(|name| dir.join(name).is_file());
    Ok(has_results
        || dir.join(ANSWERS).is_dir()
        || weights(dir)?.next().is_some()
        || !checkpoints(dir)?.is_empty())
}

/// The files that a run would replace or remove although no run of this program wrote them.
///
/// A resumed run removes nothing, and its checkpoints show as well as its results whose folder it is.
fn foreign(dir: &Path, resumes: bool) -> Result<Option<String>, TrainError> {
    let checkpoints = checkpoints(dir)?;
    let stranger = checkpoints.iter().find(|(_, checkpoint)| !is_ours(checkpoint));
    if let Some((step, _)) = stranger.filter(|_| !resumes) {
        return Ok(Some(format!("{CHECKPOINT}{step}")));
    }
    // A run that was killed while it moved its results into place has left its state in `FINAL`.
    let ours = is_ours(dir) || is_ours(&dir.join(FINAL)) || (resumes && !checkpoints.is_empty());
    // This program writes no shards, and other programs would load them in place of the new weights.
    Ok(weights(dir)?.find(|name| !ours || !RESULTS.contains(&name.as_str())))
}

/// Whether a folder's state is of this program: transformers writes one of the same name.
fn is_ours(dir: &Path) -> bool {
    Checkpoint::open(dir).is_ok()
}

/// Names of files that hold a model or adapter, or say where its parts are.
fn weights(dir: &Path) -> Result<impl Iterator<Item = String>, TrainError> {
    const ENDS: [&str; 4] = [".safetensors", ".safetensors.index.json", ".bin", ".bin.index.json"];
    let is_weights = |name: &String| name == ADAPTER_CONFIG || ENDS.iter().any(|end| name.ends_with(end));
    let files = read_folder(dir)?.into_iter().filter(|path| path.is_file());
    Ok(files.filter_map(|path| path.file_name()?.to_str().map(str::to_owned)).filter(is_weights))
}

/// A folder of ours that was being written when a run was killed.
fn is_temporary(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    path.is_dir() && (name == FINAL || (name.starts_with(".checkpoint-") && name.ends_with(".tmp")))
}

/// Whether two paths lead to one folder, however they are written.
pub(crate) fn is_same_folder(a: &Path, b: &Path) -> bool {
    match (a.canonicalize(), b.canonicalize()) {
        (Ok(a), Ok(b)) => a == b,
        // A folder that does not exist yet has no other name.
        _ => a == b,
    }
}
