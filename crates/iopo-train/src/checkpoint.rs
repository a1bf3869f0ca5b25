//! Checkpoints, each of them complete.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::tensor::{Device, FloatDType, Tensor};
use iopo_files::{read_text, unfinished_folder, write_file};
use iopo_model::{
    CausalLm, NamedTensor, Parameters, Precision, WeightFiles, load_adapter, load_model, save_adapter,
    save_model, write_safetensors,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::answering::Answering;
use crate::config::TrainConfig;
use crate::error::TrainError;
use crate::files::{OWNER, create_folder, remove_folder, rename, sync_contents, sync_folder};
use crate::log::LogEntry;
use crate::metrics::Metrics;
use crate::optimizer::AdamW;
use crate::output::{CHECKPOINT, STATE};
use crate::setup::trainable;
use crate::step::TrainState;
use crate::trainer::Selection;

pub(crate) const OPTIMIZER: &str = "optimizer.safetensors";

/// Stands for the final model in the name of the folder that it is written to.
pub(crate) const FINAL: &str = "final";

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
    /// Tokens that went through the model for gradients.
    pub num_input_tokens_seen: u64,
    /// Everything that decides which updates follow; a resumed run must agree.
    pub run: BTreeMap<String, Value>,
    /// Log-prob of the first example's completions before the first update: it shows whether a
    /// resumed run starts from the same model.
    pub start_log_prob: f64,
    /// The same under the reference, where there is one.
    pub reference_log_prob: Option<f64>,
    /// Means that are not logged yet.
    pub pending: Metrics,
    /// The best model so far.
    #[serde(flatten)]
    pub selection: Selection,
    /// All log lines.
    pub log_history: Vec<LogEntry>,
}

/// Whether the optimizer's state is written beside the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OptimizerFiles {
    /// Written, so that training can go on.
    Keep,
    /// Left out: no run continues from the final model.
    Omit,
}

impl Checkpoint {
    /// Writes model, optimizer and state to `output_dir/checkpoint-STEP`, and returns that folder.
    ///
    /// Everything is written to a folder beside it with a record of its hashes, synced, and renamed.
    ///
    /// # Errors
    /// Anything that cannot be written, and a folder of that name that no run of ours wrote; the last complete
    /// checkpoint is untouched then.
    pub fn save(&self, state: &TrainState, config: &TrainConfig) -> Result<PathBuf, TrainError> {
        let dir = config.output_dir.join(format!("{CHECKPOINT}{}", self.global_step));
        OWNER.check_folder(&dir)?;
        let temporary = unfinished_folder(&dir)?;
        let written = self
            .write(&temporary, state, config, OptimizerFiles::Keep)
            .and_then(|()| Ok(OWNER.seal(&temporary)?))
            .and_then(|()| Ok(OWNER.remove_folder(&dir)?))
            .and_then(|()| rename(&temporary, &dir));
        leave_nothing(&temporary, written)?;
        sync_folder(&config.output_dir)?;
        Ok(dir)
    }

    /// Writes the final model and state into `output_dir` itself, file by file, each complete.
    ///
    /// `trainer_state.json` comes last: where it is, everything is.
    ///
    /// # Errors
    /// Anything that cannot be written.
    pub fn save_final(&self, state: &TrainState, config: &TrainConfig) -> Result<(), TrainError> {
        let temporary = unfinished_folder(&config.output_dir.join(FINAL))?;
        let written = self.write(&temporary, state, config, OptimizerFiles::Omit);
        leave_nothing(&temporary, written)?;
        OWNER.move_files(&temporary, &config.output_dir, STATE)?;
        sync_folder(&config.output_dir)
    }

    fn write(
        &self,
        dir: &Path,
        state: &TrainState,
        config: &TrainConfig,
        optimizer: OptimizerFiles,
    ) -> Result<(), TrainError> {
        create_folder(dir)?;
        if state.policy.has_lora() {
            save_adapter(&state.policy, &config.model.display().to_string(), dir)?;
        } else {
            save_model(&state.policy, &config.model, dir)?;
        }
        Answering::of(config)?.write(dir)?;
        if optimizer == OptimizerFiles::Keep {
            write_safetensors(&dir.join(OPTIMIZER), &state.optimizer.state())?;
        }
        let text = format!("{:#}\n", json!(self));
        write_file(dir.join(STATE), text)?;
        sync_contents(dir)
    }

    /// Reads a checkpoint's state.
    ///
    /// # Errors
    /// No such checkpoint, or one that is broken.
    pub fn open(dir: &Path) -> Result<Self, TrainError> {
        /// Far more than the log of a long run.
        const MOST_BYTES: u64 = 256 << 20;
        let path = dir.join(STATE);
        let broken = |reason: String| TrainError::at(dir, reason);
        let text = read_text(&path, MOST_BYTES)
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
        let broken = |reason: String| TrainError::at(dir, reason);
        let policy = load_weights(dir, state.policy, config.precision, &device)?;
        let moments = read_moments(&dir.join(OPTIMIZER), config.precision, &device)?;
        check_moments(&policy, &moments).map_err(broken)?;
        let steps = i32::try_from(self.global_step)
            .map_err(|_| broken(format!("global_step {} is out of range", self.global_step)))?;
        let optimizer = AdamW::from_state(config.optimizer, steps, moments);
        Ok(TrainState { policy, optimizer, decayed: state.decayed })
    }
}

/// Removes the temporary folder of a checkpoint that could not be written.
pub(crate) fn leave_nothing<T>(temporary: &Path, written: Result<T, TrainError>) -> Result<T, TrainError> {
    if written.is_err() {
        // The first failure is the one to report.
        let _ = remove_folder(temporary);
    }
    written
}

/// The policy with a checkpoint's weights.
pub(crate) fn load_weights(
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

fn read_moments(path: &Path, precision: Precision, device: &Device) -> Result<Vec<NamedTensor>, TrainError> {
    let is_wide = [precision.weights, precision.adapter].contains(&FloatDType::F64);
    let dtype = if is_wide { FloatDType::F64 } else { FloatDType::F32 };
    let mut files = WeightFiles::open_file(path)?;
    let names: Vec<String> = files.names().map(str::to_owned).collect();
    let mut moments = Vec::with_capacity(names.len());
    for name in names {
        let shape = files.shape(&name).unwrap_or_default().to_vec();
        let values: Tensor<1> = match *shape.as_slice() {
            [rows, columns] => files.take(&name, [rows, columns], dtype, device)?.reshape([-1]),
            [length] => files.take(&name, [length], dtype, device)?,
            _ => continue,
        };
        moments.push(NamedTensor { name, shape, values });
    }
    files.finish()?;
    Ok(moments)
}

/// Every trained parameter has both moments, of its own shape: without them the optimizer would start anew.
fn check_moments(policy: &CausalLm, moments: &[NamedTensor]) -> Result<(), String> {
    let shapes: BTreeMap<&str, &[usize]> =
        moments.iter().map(|moment| (moment.name.as_str(), moment.shape.as_slice())).collect();
    let trained = policy.trainable_parameters();
    for parameter in &trained {
        for half in AdamW::MOMENTS {
            let name = format!("{}.{half}", parameter.name);
            match shapes.get(name.as_str()) {
                None => return Err(format!("{OPTIMIZER} lacks {name}")),
                Some(shape) if **shape != *parameter.shape => {
                    return Err(format!("{OPTIMIZER}: {name} is {shape:?}, not {:?}", parameter.shape));
                }
                Some(_) => {}
            }
        }
    }
    if moments.len() > AdamW::MOMENTS.len() * trained.len() {
        return Err(format!("{OPTIMIZER} holds moments of parameters that are not trained"));
    }
    Ok(())
}
