//! The output folder: its present files, and which of them a run may replace.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use iopo_files::{FolderLock, remove_unfinished, try_folder};
use iopo_model::MODEL_FILES;

use crate::answering::{CHAT_TEMPLATE, GENERATION};
use crate::args::Notice;
use crate::checkpoint::FINAL;
use crate::config::{FineTuning, TrainConfig};
use crate::error::TrainError;
use crate::files::{OWNER, create_folder, read_folder};

pub(crate) const STATE: &str = "trainer_state.json";
pub(crate) const LOG: &str = "trainer_log.jsonl";
pub(crate) const CHECKPOINT: &str = "checkpoint-";
const ANSWERS: &str = "eval_answers";
const CURVES: &str = "training_curves.svg";
const ADAPTER_CONFIG: &str = "adapter_config.json";

/// The files that a run leaves in its output folder besides checkpoints and, in full fine-tuning, a model's other
/// files. The state is removed first and written last: where it is, everything is.
const RESULTS: [&str; 8] = [
    STATE,
    LOG,
    ADAPTER_CONFIG,
    "adapter_model.safetensors",
    "model.safetensors",
    GENERATION,
    CHAT_TEMPLATE,
    CURVES,
];

impl TrainConfig {
    /// The folder for answers to `eval_prompts`; a run that starts anew removes it with the other results.
    #[must_use]
    pub fn answers_dir(&self) -> PathBuf {
        self.output_dir.join(ANSWERS)
    }

    /// The file for curves, which a program may draw.
    #[must_use]
    pub fn curves_path(&self) -> PathBuf {
        self.output_dir.join(CURVES)
    }
}

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
    let mut found = places_of_checkpoints(output_dir)?;
    found.retain(|(_, dir)| dir.join(STATE).is_file());
    Ok(found)
}

/// Whatever has the name of a checkpoint, by step.
fn places_of_checkpoints(output_dir: &Path) -> Result<Vec<(usize, PathBuf)>, TrainError> {
    numbered(output_dir, CHECKPOINT, "")
}

/// The paths in a folder whose names are a number between these texts, in its order.
fn numbered(dir: &Path, start: &str, end: &str) -> Result<Vec<(usize, PathBuf)>, TrainError> {
    let number =
        |path: &Path| path.file_name()?.to_str()?.strip_prefix(start)?.strip_suffix(end)?.parse().ok();
    let paths = read_folder(dir)?.into_iter();
    let mut found: Vec<(usize, PathBuf)> = paths.filter_map(|path| Some((number(&path)?, path))).collect();
    found.sort();
    Ok(found)
}

/// Removes the oldest checkpoints up to a step until `keep` are left; `spared` stays besides them. Later ones are of
/// a run that was resumed from an earlier step, and are replaced one by one.
///
/// Returns a notice for each that stays because it holds something else than a run of ours wrote.
pub(crate) fn remove_old(
    output_dir: &Path,
    keep: usize,
    up_to: usize,
    spared: Option<&Path>,
) -> Result<Vec<Notice>, TrainError> {
    let mut found = checkpoints(output_dir)?;
    found.retain(|(step, dir)| *step <= up_to && Some(dir.as_path()) != spared);
    let surplus = found.len().saturating_sub(keep);
    let removed = found.into_iter().take(surplus).map(|(_, dir)| remove_checkpoint(&dir));
    removed.filter_map(Result::transpose).collect()
}

/// Removes a checkpoint of ours; returns a notice where it holds something else, and stays.
pub(crate) fn remove_checkpoint(dir: &Path) -> Result<Option<Notice>, TrainError> {
    match OWNER.remove_folder(dir) {
        Ok(()) => Ok(None),
        Err(error) if error.source.kind() == ErrorKind::AlreadyExists => {
            let text = format!("{} is not removed: {}", dir.display(), error.source);
            Ok(Some(Notice { key: "save_total_limit".to_owned(), text }))
        }
        Err(error) => Err(error.into()),
    }
}

/// Checks that a run may write to its output folder; leaves everything as it is.
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
    [Some(dir), reference.cache.as_ref()].into_iter().flatten().try_for_each(|dir| try_folder(dir))?;
    if is_new(config) {
        check_inputs(config)?;
    }
    if !is_ours && FolderLock::is_held(dir)? {
        return Err(in_use(dir));
    }
    check_contents(config)
}

/// Checks that nothing that a new run reads lies in a folder that it would remove.
fn check_inputs(config: &TrainConfig) -> Result<(), TrainError> {
    let (data, reference) = (&config.data, &config.reference);
    let models =
        [Some(&config.model), config.adapter.as_ref(), reference.model.as_ref(), reference.adapter.as_ref()];
    let prompts = config.eval_prompts.iter().flat_map(|prompts| &prompts.files);
    let inputs = models.into_iter().flatten().chain(prompts).map(PathBuf::as_path);
    let inputs = inputs.chain(data.train.iter().chain(&data.eval).map(Path::new));
    let inputs: Vec<(&Path, PathBuf)> =
        inputs.filter_map(|input| Some((input, input.canonicalize().ok()?))).collect();
    let removed = places_of_checkpoints(&config.output_dir)?.into_iter().map(|(_, place)| place);
    for place in removed.chain([config.answers_dir()]).filter_map(|place| place.canonicalize().ok()) {
        if let Some((input, _)) = inputs.iter().find(|(_, found)| found.starts_with(&place)) {
            let reason = "it is an input, and lies among the earlier results that this run would remove; choose another \
                          output_dir";
            return Err(TrainError::at(input, reason));
        }
    }
    Ok(())
}

fn in_use(dir: &Path) -> TrainError {
    TrainError::at(dir, "another run is writing to it; wait for it to end, or choose another output_dir")
}

/// Makes the output folder that [`check_output`] has accepted, takes its lock, and removes what must not stand beside
/// new results.
///
/// Checkpoints of an earlier run would outrank this one's when resuming, and an adapter beside a
/// full model would be taken for a part of it.
pub(crate) fn prepare_output(config: &TrainConfig) -> Result<FolderLock, TrainError> {
    let dir = &config.output_dir;
    create_folder(dir)?;
    let lock = FolderLock::take(dir)?.ok_or_else(|| in_use(dir))?;
    // Another run may have come and gone since the check.
    check_contents(config)?;
    if is_new(config) {
        RESULTS.iter().try_for_each(|name| OWNER.remove(&dir.join(name)))?;
        places_of_checkpoints(dir)?.iter().try_for_each(|(_, place)| OWNER.remove_folder(place))?;
        OWNER.remove_folder(&config.answers_dir())?;
        OWNER.compact(dir)?;
    }
    let is_ours = |name: &str| name == FINAL || name == ANSWERS || name.starts_with(CHECKPOINT);
    remove_unfinished(dir, |name| is_ours(name) || RESULTS.contains(&name))
        .map_err(|source| TrainError::Write { path: dir.clone(), source })?;
    Ok(lock)
}

/// Checks that the files in the output folder may stay or be replaced.
fn check_contents(config: &TrainConfig) -> Result<(), TrainError> {
    let dir = &config.output_dir;
    let is_new = is_new(config);
    if is_new && !config.overwrite_output_dir && is_occupied(config)? {
        let reason = "it holds results already; choose another output_dir, or set resume_from_checkpoint to go on, or \
                      overwrite_output_dir: true to replace those that a run of ours wrote";
        return Err(TrainError::at(dir, reason));
    }
    // This program writes no shards, and other programs would load them in place of the new weights.
    if let Some(file) = weights(dir)?.find(|name| !RESULTS.contains(&name.as_str())) {
        let reason = format!(
            "it holds {file}, weights that no run of ours wrote, and that are not replaced; choose another output_dir, \
             or move them away first"
        );
        return Err(TrainError::at(dir, reason));
    }
    let model_files: &[&str] = match config.fine_tuning {
        FineTuning::Full => &MODEL_FILES,
        FineTuning::Lora(_) => &[],
    };
    RESULTS.iter().chain(model_files).try_for_each(|name| OWNER.check_file(&dir.join(name)))?;
    if is_new {
        places_of_checkpoints(dir)?.iter().try_for_each(|(_, place)| OWNER.check_folder(place))?;
        OWNER.check_folder(&config.answers_dir())?;
    }
    Ok(())
}

/// Checks that a resumed run may write the checkpoints and answers that are ahead of it.
pub(crate) fn check_ahead(config: &TrainConfig, step: usize, total: usize) -> Result<(), TrainError> {
    let ahead = step + 1..=total;
    let checkpoints = places_of_checkpoints(&config.output_dir)?.into_iter();
    for (_, place) in checkpoints.filter(|(step, _)| ahead.contains(step)) {
        OWNER.check_folder(&place)?;
    }
    let answers = numbered(&config.answers_dir(), "step-", ".jsonl")?.into_iter();
    for (_, file) in answers.filter(|(step, _)| ahead.contains(step)) {
        OWNER.check_file(&file)?;
    }
    Ok(())
}

/// Whether the run begins in its output folder: it does not resume, or from a checkpoint of another folder.
fn is_new(config: &TrainConfig) -> bool {
    match &config.resume {
        None => true,
        Some(dir) if dir.as_os_str().is_empty() => false,
        Some(dir) => {
            let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty());
            !is_same_folder(parent.unwrap_or(Path::new(".")), &config.output_dir)
        }
    }
}

fn is_occupied(config: &TrainConfig) -> Result<bool, TrainError> {
    let dir = &config.output_dir;
    // Those two come with any model, and alone are no results.
    let results = RESULTS.iter().filter(|name| ![GENERATION, CHAT_TEMPLATE].contains(name));
    let has_results = results.chain(["config.json"].iter()).any(|name| dir.join(name).is_file());
    // An empty folder holds nothing.
    let is_full = |path: &Path| !path.is_dir() || read_folder(path).is_ok_and(|files| !files.is_empty());
    Ok(has_results
        || config.answers_dir().is_dir()
        || weights(dir)?.next().is_some()
        || places_of_checkpoints(dir)?.iter().any(|(_, place)| is_full(place)))
}

/// Names of files that hold a model or adapter, or say where its parts are.
fn weights(dir: &Path) -> Result<impl Iterator<Item = String>, TrainError> {
    const ENDS: [&str; 4] = [".safetensors", ".safetensors.index.json", ".bin", ".bin.index.json"];
    let is_weights = |name: &String| name == ADAPTER_CONFIG || ENDS.iter().any(|end| name.ends_with(end));
    let files = read_folder(dir)?.into_iter().filter(|path| path.is_file());
    Ok(files.filter_map(|path| path.file_name()?.to_str().map(str::to_owned)).filter(is_weights))
}

/// Whether two paths lead to one folder, however they are written.
pub(crate) fn is_same_folder(a: &Path, b: &Path) -> bool {
    match (a.canonicalize(), b.canonicalize()) {
        (Ok(a), Ok(b)) => a == b,
        // A folder that does not exist yet has no other name.
        _ => a == b,
    }
}
