//! Which loss a stage minimises, and how a batch's sequences become its inputs.

use std::sync::Arc;

use burn::tensor::{DType, Device, Tensor, TensorData};
use iopo_data::Task;
use iopo_loss::{
    CompletionLogProbs, DpoLoss, DpoLossConfig, IopoLoss, IopoLossConfig, OrpoLoss, Pair, PairGrid, SftLoss,
    SimpoLoss,
};

use crate::custom::{CustomLoss, Examples};
use crate::error::TrainError;
use crate::step::scalar;

/// The loss of a stage.
///
/// Sequences come example by example: a completion is one sequence, a pair `chosen, rejected`,
/// a group `x1 y1, x1 y2, x2 y1, x2 y2`.
#[derive(Debug, Clone)]
pub enum Objective {
    /// Supervised fine-tuning.
    Sft(SftLoss),
    /// Direct preference optimization.
    Dpo(DpoLoss),
    /// Simple preference optimization.
    Simpo(SimpoLoss),
    /// Odds-ratio preference optimization.
    Orpo(OrpoLoss),
    /// Input-output preference optimization and its variants.
    Iopo(IopoLoss),
    /// A loss of the program that calls.
    Custom(Arc<dyn CustomLoss>),
}

/// A loss for each example, and what is logged beside it.
#[derive(Debug, Clone)]
pub struct ObjectiveLoss {
    /// `[examples]`, or `[2 · examples]` for objectives that make two of each.
    pub per_example: Tensor<1>,
    /// Detached statistics by the names that TRL uses.
    pub stats: Vec<(&'static str, Tensor<1>)>,
}

impl Objective {
    /// What a row must hold.
    #[must_use]
    pub fn task(&self) -> Task {
        match self {
            Self::Sft(_) => Task::Sft,
            Self::Dpo(_) | Self::Simpo(_) | Self::Orpo(_) => Task::Pair,
            Self::Iopo(_) => Task::Group,
            Self::Custom(loss) => loss.task(),
        }
    }

    /// How many sequences make an example.
    #[must_use]
    pub fn sequences_per_example(&self) -> usize {
        match self.task() {
            Task::Sft => 1,
            Task::Pair => 2,
            Task::Group => 4,
        }
    }

    /// The factor of rewards; 1 where there are none.
    #[must_use]
    pub fn beta(&self) -> f64 {
        match self {
            Self::Sft(_) => 1.0,
            Self::Dpo(loss) => loss.config().beta,
            Self::Simpo(loss) => loss.config().beta,
            Self::Orpo(loss) => loss.config().beta,
            Self::Iopo(loss) => loss.config().beta,
            Self::Custom(loss) => loss.beta(),
        }
    }

    /// Whether the loss compares the policy with a reference.
    #[must_use]
    pub fn needs_reference(&self) -> bool {
        match self {
            Self::Dpo(loss) => !loss.config().reference_free,
            Self::Iopo(loss) => !loss.config().reference_free,
            Self::Custom(loss) => loss.needs_reference(),
            Self::Sft(_) | Self::Simpo(_) | Self::Orpo(_) => false,
        }
    }

    /// The loss of a batch.
    ///
    /// # Shapes
    /// - `policy`: `[sequences]`
    /// - `reference`: `[sequences]`, sums of the reference's log-probs, where one is needed
    ///
    /// # Errors
    /// A batch of broken examples, or inputs that do not fit the loss.
    pub fn loss(
        &self,
        policy: CompletionLogProbs,
        reference: Option<Tensor<1>>,
    ) -> Result<ObjectiveLoss, TrainError> {
        let per_example = self.sequences_per_example();
        let sequences = policy.sum.dims()[0];
        if sequences == 0 || !sequences.is_multiple_of(per_example) {
            return Err(TrainError::BrokenBatch { sequences, per_example });
        }
        let column = |index: usize| CompletionLogProbs {
            sum: every(&policy.sum, index, per_example),
            tokens: every(&policy.tokens, index, per_example),
        };
        let pair = || Pair { chosen: column(0), rejected: column(1) };
        let reference_pair =
            |sums: Tensor<1>| Pair { chosen: every(&sums, 0, 2), rejected: every(&sums, 1, 2) };
        Ok(match self {
            Self::Sft(loss) => {
                let loss = loss.forward(column(0))?;
                ObjectiveLoss { per_example: loss.per_example, stats: loss.stats.named() }
            }
            Self::Dpo(loss) => {
                let loss = loss.forward(pair(), reference.map(reference_pair))?;
                ObjectiveLoss { per_example: loss.per_example, stats: loss.stats.named() }
            }
            Self::Simpo(loss) => {
                let loss = loss.forward(pair())?;
                ObjectiveLoss { per_example: loss.per_example, stats: loss.stats.named() }
            }
            Self::Orpo(loss) => {
                let loss = loss.forward(pair())?;
                ObjectiveLoss { per_example: loss.per_example, stats: loss.stats.named() }
            }
            Self::Iopo(loss) => {
                let grid = grid_of(column);
                let reference = reference.map(|sums| grid_of(|index| every(&sums, index, 4)));
                let loss = loss.forward(grid, reference)?;
                ObjectiveLoss { per_example: loss.per_example, stats: loss.stats.named() }
            }
            Self::Custom(loss) => {
                let policy = Examples::from_columns(loss.task(), column);
                let reference = reference.map(|sums| {
                    Examples::from_columns(loss.task(), |index| every(&sums, index, per_example))
                });
                loss.forward(policy, reference)?
            }
        })
    }

    /// The objective without its likelihood term, where it compares with a reference.
    ///
    /// # Errors
    /// Options that were valid only together with that term; there are none today.
    pub fn preference_only(&self) -> Result<Option<Self>, TrainError> {
        if !self.needs_reference() {
            return Ok(None);
        }
        Ok(match self {
            Self::Dpo(loss) => {
                Some(Self::Dpo(DpoLossConfig { nll_weight: 0.0, ..loss.config().clone() }.init()?))
            }
            Self::Iopo(loss) => {
                Some(Self::Iopo(IopoLossConfig { nll_weight: 0.0, ..loss.config().clone() }.init()?))
            }
            Self::Custom(loss) => loss.compares_only().then(|| self.clone()),
            Self::Sft(_) | Self::Simpo(_) | Self::Orpo(_) => None,
        })
    }

    /// The loss of an example at which policy and reference agree: ln 2 for a sigmoid link.
    ///
    /// # Errors
    /// As [`Self::loss`].
    pub fn loss_at_reference(&self, device: &Device) -> Result<f64, TrainError> {
        let column = |value: f64| {
            let values = vec![value; self.sequences_per_example()];
            let length = values.len();
            Tensor::<1>::from_data(TensorData::new(values, [length]), (device, DType::F32))
        };
        let policy = CompletionLogProbs::new(column(-1.0), column(1.0))?;
        let reference = self.needs_reference().then(|| column(-1.0));
        scalar(self.loss(policy, reference)?.per_example.mean())
    }
}

pub(crate) fn grid_of<T>(cell: impl Fn(usize) -> T) -> PairGrid<T> {
    PairGrid { x1_y1: cell(0), x1_y2: cell(1), x2_y1: cell(2), x2_y2: cell(3) }
}

/// Entries `first`, `first + stride`, ...: one of each example.
fn every(values: &Tensor<1>, first: usize, stride: usize) -> Tensor<1> {
    let examples = values.dims()[0] / stride;
    values.clone().reshape([examples, stride]).narrow(1, first, 1).reshape([examples])
}
