//! Checkpoints: complete or not there at all.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::tensor::{Device, FloatDType, Tensor};
use iopo_model::{
    CausalLm, NamedTensor, Precision, WeightFiles, load_adapter, load_model, save_adapter, save_model,
    write_safetensors,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::config::TrainConfig;
use crate::error::TrainError;
use crate::log::{LogEntry, write_atomically};
use crate::metrics::Metrics;
use crate::optimizer::AdamW;
use crate::setup::trainable;
use crate::step::TrainState;

const STATE: &str = "trainer_state.json";
const OPTIMIZER: &str = "optimizer.safetensors";
const PREFIX: &str = "checkpoint-";

/// `trainer_state.json`: where a run stands. Names are transformers' where the meaning is the same.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Updates made.
    pub global_step: usize,
    /// Updates in all.
    pub max_steps: usize,
    /// Epochs seen.
    pub epoch: f64,
    /// Examples trained on, repeats counted.
    pub examples_seen: usize,
    /// Tokens that went through the model with a tape.
    pub num_input_tokens_seen: u64,
    /// Seed, sizes and schedule; a resumed run must agree.
    pub run: String,
    /// Means that are not logged yet.
    pub pending: Metrics,
    /// All log lines.
    pub log_history: Vec<LogEntry>,
}

/// Whether the optimizer's state is written beside the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptimizerFiles {
    /// Written, so that training can go on.
    Keep,
    /// Left out: the final model is for use.
    Omit,
}

impl Checkpoint {
    /// Writes model, optimizer and state to `output_dir/checkpoint-STEP`, and returns that folder.
    ///
    /// Everything is written to a folder beside it, synced, and renamed.
    ///
    /// # Errors
    /// Anything that cannot be written; the last complete checkpoint is untouched then.
    pub fn save(&self, state: &TrainState, config: &TrainConfig) -> Result<PathBuf, TrainError> {
        let dir = config.output_dir.join(format!("{PREFIX}{}", self.global_step));
        let temporary = config.output_dir.join(format!(".{PREFIX}{}.tmp", self.global_step));
        remove_folder(&temporary)?;
        self.write(&temporary, state, config, OptimizerFiles::Keep)?;
        remove_folder(&dir)?;
        fs::rename(&temporary, &dir).map_err(|source| TrainError::Write { path: dir.clone(), source })?;
        sync_folder(&config.output_dir)?;
        Ok(dir)
    }

    /// Writes the final model and state into `output_dir` itself, file by file, each complete.
    ///
    /// # Errors
    /// Anything that cannot be written.
    pub fn save_final(&self, state: &TrainState, config: &TrainConfig) -> Result<(), TrainError> {
        let temporary = config.output_dir.join(".final.tmp");
        remove_folder(&temporary)?;
        self.write(&temporary, state, config, OptimizerFiles::Omit)?;
        for entry in read_folder(&temporary)? {
            let target = config.output_dir.join(entry.file_name().unwrap_or_default());
            fs::rename(&entry, &target).map_err(|source| TrainError::Write { path: target, source })?;
        }
        remove_folder(&temporary)?;
        sync_folder(&config.output_dir)
    }

    fn write(
        &self,
        dir: &Path,
        state: &TrainState,
        config: &TrainConfig,
        optimizer: OptimizerFiles,
    ) -> Result<(), TrainError> {
        fs::create_dir_all(dir).map_err(|source| TrainError::Write { path: dir.to_owned(), source })?;
        if state.policy.has_lora() {
            save_adapter(&state.policy, &config.model.display().to_string(), dir)?;
        } else {
            save_model(&state.policy, &config.model, dir)?;
        }
        if optimizer == OptimizerFiles::Keep {
            write_safetensors(&dir.join(OPTIMIZER), &state.optimizer.state())?;
        }
        let text = format!("{:#}\n", json!(self));
        write_atomically(&dir.join(STATE), text.as_bytes())?;
        for file in read_folder(dir)? {
            sync_file(&file)?;
        }
        sync_folder(dir)
    }

    /// Reads a checkpoint's state.
    ///
    /// # Errors
    /// No such checkpoint, or one that is broken.
    pub fn open(dir: &Path) -> Result<Self, TrainError> {
        let path = dir.join(STATE);
        let broken = |reason: String| TrainError::Checkpoint { dir: dir.to_owned(), reason };
        let text = fs::read_to_string(&path)
            .map_err(|error| broken(format!("not a checkpoint: {STATE}: {error}")))?;
        serde_json::from_str(&text).map_err(|error| broken(format!("{STATE} is broken: {error}")))
    }

    /// Puts a checkpoint's weights and moments in the place of a starting state's.
    ///
    /// # Errors
    /// Weights or moments that are broken or belong to another model.
    pub fn restore(
        &self,
        dir: &Path,
        state: TrainState,
        config: &TrainConfig,
    ) -> Result<TrainState, TrainError> {
        let device = state.policy.device().without_autodiff();
        let policy = load_weights(dir, state.policy, config.precision, &device)?;
        let moments = read_moments(&dir.join(OPTIMIZER), &device)?;
        let steps = i32::try_from(self.global_step).map_err(|_| TrainError::Checkpoint {
            dir: dir.to_owned(),
            reason: format!("global_step {} is out of range", self.global_step),
        })?;
        let optimizer = AdamW::from_state(config.optimizer, steps, moments);
        Ok(TrainState { policy, optimizer, decayed: state.decayed })
    }
}

fn load_weights(
    dir: &Path,
    policy: CausalLm,
    precision: Precision,
    device: &Device,
) -> Result<CausalLm, TrainError> {
    if policy.has_lora() {
        return Ok(load_adapter(policy.valid().without_lora(), dir)?.train());
    }
    Ok(trainable(load_model(dir, precision, device)?))
}

fn read_moments(path: &Path, device: &Device) -> Result<Vec<NamedTensor>, TrainError> {
    let mut files = WeightFiles::open_file(path)?;
    let names: Vec<String> = files.names().map(str::to_owned).collect();
    let mut moments = Vec::with_capacity(names.len());
    for name in names {
        let shape = files.shape(&name)?.unwrap_or_default();
        let values: Tensor<1> = match *shape.as_slice() {
            [rows, columns] => files.take(&name, [rows, columns], FloatDType::F32, device)?.reshape([-1]),
            [length] => files.take(&name, [length], FloatDType::F32, device)?,
            _ => continue,
        };
        moments.push(NamedTensor { name, shape, values });
    }
    files.finish()?;
    Ok(moments)
}

/// The checkpoint of the highest step in a folder.
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
            let step = dir.file_name()?.to_str()?.strip_prefix(PREFIX)?.parse().ok()?;
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

/// Makes the output folder, or checks that what is in it may be replaced.
pub(crate) fn prepare_output(config: &TrainConfig) -> Result<(), TrainError> {
    let dir = &config.output_dir;
    fs::create_dir_all(dir).map_err(|source| TrainError::Write { path: dir.clone(), source })?;
    let occupied = dir.join("trainer_log.jsonl").is_file() || !checkpoints(dir)?.is_empty();
    if config.resume.is_some() || !occupied {
        return Ok(());
    }
    if !config.overwrite_output_dir {
        return Err(TrainError::OutputExists { dir: dir.clone() });
    }
    // Checkpoints of an earlier run would outrank this one's when resuming.
    checkpoints(dir)?.into_iter().try_for_each(|(_, checkpoint)| remove_folder(&checkpoint))
}

fn read_folder(dir: &Path) -> Result<Vec<PathBuf>, TrainError> {
    let read = |source| TrainError::Read { path: dir.to_owned(), source };
    fs::read_dir(dir).map_err(read)?.map(|entry| Ok(entry.map_err(read)?.path())).collect()
}

fn remove_folder(dir: &Path) -> Result<(), TrainError> {
    match fs::remove_dir_all(dir) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(TrainError::Write { path: dir.to_owned(), source })
        }
        _ => Ok(()),
    }
}

fn sync_file(path: &Path) -> Result<(), TrainError> {
    File::open(path)
        .and_then(|file| file.sync_all())
        .map_err(|source| TrainError::Write { path: path.to_owned(), source })
}

/// On Unix a rename is durable once its folder is synced; elsewhere folders cannot be opened.
fn sync_folder(dir: &Path) -> Result<(), TrainError> {
    if cfg!(unix) { sync_file(dir) } else { Ok(()) }
}
