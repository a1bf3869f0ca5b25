//! From a configuration to a model that can be trained and data to train it on.

use std::path::Path;

use burn::module::Module;
use burn::tensor::Device;
use iopo_data::TextTokenizer;
use iopo_model::{CausalLm, init_model, load_adapter, load_config, load_model};

use crate::config::{FineTuning, TrainConfig};
use crate::data::{TrainData, load_data};
use crate::error::TrainError;
use crate::optimizer::AdamW;
use crate::reference::ReferencePolicy;
use crate::step::TrainState;

/// Everything that a run starts from.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// The policy with a fresh optimizer.
    pub state: TrainState,
    /// The reference, where the loss needs one: a copy of the policy, or another model.
    pub reference: Option<ReferencePolicy>,
    /// Encoded examples.
    pub data: TrainData,
}

/// Loads model, adapter, tokenizer and data.
///
/// # Errors
/// Any file that is missing, broken, or does not belong to the others.
pub fn prepare(config: &TrainConfig, device: &Device) -> Result<Prepared, TrainError> {
    // Cheap things first: a wrong file name should not cost the loading of a large model.
    // The model's configuration comes first: its error says what else a folder holds.
    let mut rows = load_config(&config.model)?.vocab_size;
    let mut tokenizer = TextTokenizer::from_dir(&config.model)?;
    if let Some(reference) = &config.reference.model {
        rows = rows.min(check_same_vocabulary(&tokenizer, reference)?);
    }
    tokenizer.limit_vocabulary(rows)?;
    let data = load_data(config, tokenizer)?;
    let policy = load_policy(config, device)?;
    let reference = match config.objective.needs_reference() {
        true => Some(load_reference(config, &policy, device)?),
        false => None,
    };
    let state = TrainState { policy, optimizer: AdamW::new(config.optimizer), decayed: None };
    Ok(Prepared { state, reference, data })
}

/// The starting policy with autodiff on, and gradients for what is trained.
fn load_policy(config: &TrainConfig, device: &Device) -> Result<CausalLm, TrainError> {
    let plain = device.clone().without_autodiff();
    let mut model = match config.from_scratch {
        true => init_model(&config.model, config.seed, config.precision, &plain)?,
        false => load_model(&config.model, config.precision, &plain)?,
    };
    if let Some(adapter) = &config.adapter {
        model = load_adapter(model, adapter)?;
        if config.new_adapter || config.fine_tuning == FineTuning::Full {
            model = model.merge_lora();
        }
    }
    Ok(match &config.fine_tuning {
        FineTuning::Full => trainable(model),
        FineTuning::Lora(_) if model.has_lora() => model.train(),
        FineTuning::Lora(lora) => model.attach_lora(lora, config.seed)?.train(),
    })
}

/// The model that the configuration names, else the policy as it starts.
fn load_reference(
    config: &TrainConfig,
    policy: &CausalLm,
    device: &Device,
) -> Result<ReferencePolicy, TrainError> {
    let reference = &config.reference;
    if !reference.is_another() {
        return Ok(ReferencePolicy::snapshot(policy));
    }
    let dir = reference.model.as_ref().unwrap_or(&config.model);
    let mut model = load_model(dir, config.precision, &device.clone().without_autodiff())?;
    if let Some(adapter) = &reference.adapter {
        model = load_adapter(model, adapter)?;
    }
    Ok(ReferencePolicy::frozen(model))
}

/// Refuses a reference to which the policy's token ids mean other texts; the number of its embeddings.
fn check_same_vocabulary(tokenizer: &TextTokenizer, dir: &Path) -> Result<usize, TrainError> {
    let vocab_size = load_config(dir)?.vocab_size;
    let other = TextTokenizer::from_dir(dir)?;
    let differs =
        |reason| TrainError::at(dir, format!("it cannot be the reference of this policy: {reason}"));
    let (here, there) = (tokenizer.vocab_size(), other.vocab_size());
    if here != there {
        return Err(differs(format!("its tokenizer has {there} tokens, the policy's {here}")));
    }
    // A tokenizer's ids are u32.
    let unequal = (0..here as u32).find(|&id| tokenizer.token(id) != other.token(id));
    if let Some(id) = unequal {
        let (here, there) = (tokenizer.token(id), other.token(id));
        return Err(differs(format!(
            "token {id} is {there:?} there, and {here:?} in the policy's tokenizer"
        )));
    }
    Ok(vocab_size)
}

/// Turns gradients on for every parameter.
pub(crate) fn trainable(model: CausalLm) -> CausalLm {
    model.set_require_grad(true).train()
}
