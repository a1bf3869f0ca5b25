//! Which loss a stage minimises, and how the loss depends on each token's log-prob.

mod dpo;
mod iopo;
mod orpo;
mod sft;
mod simpo;

use std::fmt::Debug;
use std::sync::Arc;

use burn::tensor::Tensor;
use iopo_data::Task;
use iopo_loss::LossConfigError;
use serde_json::Value;

use crate::args::TrainArgs;
use crate::error::TrainError;
use crate::log_probs::{BatchLogProbs, TokenLogProbs, sequences_per_example};
use crate::metrics::Metrics;
use crate::step::scalar;

pub(crate) use iopo::VARIANTS as IOPO_VARIANTS;

/// The loss of a stage: of `iopo-loss`, or of the program that trains.
///
/// A token's log-prob is all that an objective sees of the model, so its gradient is
///
/// ```text
/// dL/dθ = Σ_t c_t ∇ log π(y_t | x, y_<t),    c_t = ∂L / ∂ log π(y_t | x, y_<t)
/// ```
///
/// over all completion tokens of a batch. The trainer takes the loss weights `c` from
/// [`Objective::couple`], which differentiates [`Objective::loss`]. A loss of sums over sequences has
/// equal weights within each sequence; a loss of single tokens need not.
pub trait Objective: Debug + Send + Sync {
    /// Name and hyper-parameters, by configuration key where there is one. Checkpoints keep them, and a run resumes
    /// only with an equal identity.
    fn identity(&self) -> Value;

    /// What an example consists of.
    fn task(&self) -> Task;

    /// Whether the policy is compared with a reference.
    fn needs_reference(&self) -> bool {
        true
    }

    /// The factor of rewards; it scales the tolerance of the check before the first update.
    fn beta(&self) -> f64 {
        1.0
    }

    /// Whether the loss depends on log-ratios alone, so that it has the same value for every batch
    /// before the first update. With a likelihood term it does not.
    fn compares_only(&self) -> bool {
        self.needs_reference()
    }

    /// The loss of every example, and detached statistics.
    ///
    /// # Errors
    /// Log-probs that do not fit the loss.
    fn loss(&self, batch: &BatchLogProbs) -> Result<ObjectiveLoss, TrainError>;

    /// How many sequences make an example.
    fn sequences_per_example(&self) -> usize {
        sequences_per_example(self.task())
    }

    /// The mean loss of a batch, its statistics, and the loss weight of every token.
    ///
    /// `share` is the batch's share of an update's loss; it scales the weights alone.
    ///
    /// # Errors
    /// As [`Self::loss`], and values that cannot be read from the device.
    fn couple(
        &self,
        policy: TokenLogProbs,
        reference: Option<Tensor<1>>,
        share: f64,
    ) -> Result<Coupled, TrainError> {
        let leaf = policy.values.without_autodiff().autodiff().require_grad();
        let policy = TokenLogProbs { values: leaf.clone(), lengths: policy.lengths };
        let batch = BatchLogProbs::new(self.task(), policy, reference)?;
        let loss = self.loss(&batch)?;
        let mean = loss.per_example.clone().mean();
        let mut grads = (mean.clone() * share).backward();
        let weights = leaf.grad_remove(&mut grads).unwrap_or_else(|| leaf.without_autodiff().zeros_like());
        let metrics = loss.metrics(batch.num_examples())?;
        Ok(Coupled { loss: scalar(mean)?, metrics, weights })
    }
}

/// The loss of each example, and statistics for the log.
#[derive(Debug, Clone)]
pub struct ObjectiveLoss {
    /// `[examples]`, or `[2 · examples]` for objectives that make two of each.
    pub per_example: Tensor<1>,
    /// Detached statistics by the names that TRL uses.
    pub stats: Vec<(&'static str, Tensor<1>)>,
}

impl ObjectiveLoss {
    /// Means over `examples` examples, the loss under the name `loss`.
    ///
    /// # Errors
    /// Values that cannot be read from the device.
    pub fn metrics(self, examples: usize) -> Result<Metrics, TrainError> {
        let mut metrics = Metrics::default();
        for (name, values) in [("loss", self.per_example)].into_iter().chain(self.stats) {
            metrics.add(name, scalar(values.mean())?, examples as f64);
        }
        Ok(metrics)
    }
}

/// The loss of a batch, with its derivative.
#[derive(Debug, Clone)]
pub struct Coupled {
    /// Mean loss over the examples.
    pub loss: f64,
    /// Means of loss and statistics.
    pub metrics: Metrics,
    /// The loss's derivative with respect to each token's log-prob, `[Σ lengths]`, without a tape.
    pub weights: Tensor<1>,
}

/// A loss that a configuration can name.
#[derive(Debug)]
pub(crate) struct Stage {
    /// The value of `stage`.
    pub name: &'static str,
    /// Whether `stage: dpo` reaches it by `pref_loss` as well, as in LLaMA-Factory.
    pub is_pref_loss: bool,
    /// The keys of its hyper-parameters.
    pub keys: &'static [&'static str],
    /// Reads the hyper-parameters.
    pub build: fn(&TrainArgs) -> Result<Arc<dyn Objective>, LossConfigError>,
}

/// Every loss that a configuration can name.
pub(crate) static STAGES: [&Stage; 5] = [&sft::STAGE, &dpo::STAGE, &simpo::STAGE, &orpo::STAGE, &iopo::STAGE];
