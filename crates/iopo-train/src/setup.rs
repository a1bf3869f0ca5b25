//! From a configuration to a model that can be trained and data to train it on.

use burn::module::Module;
use burn::tensor::Device;
use iopo_data::TextTokenizer;
use iopo_model::{CausalLm, load_adapter, load_model};

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
    /// The policy as it is now, where the loss needs it.
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
    let tokenizer = TextTokenizer::from_dir(&config.model)?;
    tokenizer.check_vocabulary(
        iopo_model::load_config(&config.model).map_err(iopo_model::WeightsError::from)?.vocab_size,
    )?;
    let data = load_data(config, tokenizer)?;
    let policy = load_policy(config, device)?;
    let reference = config.objective.needs_reference().then(|| ReferencePolicy::snapshot(&policy));
    let state = TrainState { policy, optimizer: AdamW::new(config.optimizer), decayed: None };
    Ok(Prepared { state, reference, data })
}

/// The starting policy with autodiff on, and gradients for what is trained.
fn load_policy(config: &TrainConfig, device: &Device) -> Result<CausalLm, TrainError> {
    let mut model = load_model(&config.model, config.precision, &device.clone().without_autodiff())?;
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

/// Turns gradients on for every parameter.
pub(crate) fn trainable(model: CausalLm) -> CausalLm {
    model.set_require_grad(true).train()
}
