//! The policy that the trained one is compared with.

use burn::module::Module;
use burn::tensor::Tensor;
use iopo_model::CausalLm;

use crate::batch::{MicroBatch, sequence_log_probs};
use crate::error::TrainError;

/// The policy as it was at the start, frozen.
///
/// Tensors are shared with the trained model until an update replaces them: with LoRA only the
/// adapter is ever held twice. Starting from an SFT adapter, the reference is that adapter, not
/// the base model under it.
#[derive(Debug, Clone)]
pub struct ReferencePolicy {
    model: CausalLm,
}

impl ReferencePolicy {
    /// Freezes a copy of the policy.
    #[must_use]
    pub fn snapshot(policy: &CausalLm) -> Self {
        Self { model: policy.valid() }
    }

    /// Uses another model, frozen.
    #[must_use]
    pub fn frozen(model: CausalLm) -> Self {
        Self { model: model.valid() }
    }

    /// Sums of completion log-probs, without a tape.
    ///
    /// # Shapes
    /// - result: `[sequences]`
    ///
    /// # Errors
    /// Token ids outside the model's vocabulary.
    pub fn log_probs(&self, batch: &MicroBatch) -> Result<Tensor<1>, TrainError> {
        Ok(sequence_log_probs(&self.model, batch)?.sum)
    }
}
