//! The reference: the policy that the trained one is compared with.

mod cache;
mod fingerprint;
mod precompute;
mod probe;

use burn::module::Module;
use burn::tensor::Tensor;
use iopo_model::CausalLm;

use crate::batch::{MicroBatch, sequence_log_probs};
use crate::error::TrainError;

use precompute::ReferenceLogProbs;
pub use precompute::{Precompute, ReferenceProgress};
pub(crate) use probe::{Rounding, summation_order};

/// The policy as it was at the start, frozen; or another model.
///
/// A loss sees one number of it for each sequence. So it is either a model, which runs with every
/// batch, or those numbers, computed once by [`ReferencePolicy::precompute`].
///
/// As a model it shares tensors with the trained one until an update replaces them: with LoRA only
/// the adapter is ever held twice. Starting from an SFT adapter, the reference is that adapter, not
/// the base model under it.
#[derive(Debug, Clone)]
pub struct ReferencePolicy {
    source: Source,
}

#[derive(Debug, Clone)]
enum Source {
    Live(Box<CausalLm>),
    Cached(ReferenceLogProbs),
}

impl ReferencePolicy {
    /// Freezes a copy of the policy.
    #[must_use]
    pub fn snapshot(policy: &CausalLm) -> Self {
        Self { source: Source::Live(Box::new(policy.valid())) }
    }

    /// Uses another model, frozen.
    #[must_use]
    pub fn frozen(model: CausalLm) -> Self {
        Self { source: Source::Live(Box::new(model.valid())) }
    }

    /// Whether it is a model rather than precomputed numbers.
    #[must_use]
    pub fn is_live(&self) -> bool {
        matches!(self.source, Source::Live(_))
    }

    /// The model; none where its numbers are precomputed.
    pub(crate) fn model(&self) -> Option<&CausalLm> {
        match &self.source {
            Source::Live(model) => Some(model),
            Source::Cached(_) => None,
        }
    }

    /// Sums of completion log-probs, without a tape.
    ///
    /// # Shapes
    /// - result: `[sequences]`
    ///
    /// # Errors
    /// Token ids outside the model's vocabulary; or a sequence that was not precomputed.
    pub fn log_probs(&self, batch: &MicroBatch) -> Result<Tensor<1>, TrainError> {
        match &self.source {
            Source::Live(model) => Ok(sequence_log_probs(model, batch)?.sum),
            Source::Cached(numbers) => numbers.of(batch),
        }
    }

    /// The tolerance of precomputed numbers; none where the model itself runs.
    pub(crate) fn rounding(&self) -> Option<Rounding> {
        match &self.source {
            Source::Live(_) => None,
            Source::Cached(numbers) => Some(numbers.rounding()),
        }
    }
}
