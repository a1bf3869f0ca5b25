//! Losses that a program brings along.

use std::fmt::Debug;

use burn::tensor::Tensor;
use iopo_data::Task;
use iopo_loss::{CompletionLogProbs, Pair, PairGrid};

use crate::error::TrainError;
use crate::objective::{ObjectiveLoss, grid_of};

/// One value for each sequence of a batch, by what an example consists of; every tensor inside is `[examples]`.
#[derive(Debug, Clone)]
pub enum Examples<T> {
    /// One prompt and its completion.
    Completions(T),
    /// One prompt, a better and a worse completion.
    Pairs(Pair<T>),
    /// Two prompts, each with its completion.
    Groups(PairGrid<T>),
}

impl<T> Examples<T> {
    pub(crate) fn from_columns(task: Task, column: impl Fn(usize) -> T) -> Self {
        match task {
            Task::Sft => Self::Completions(column(0)),
            Task::Pair => Self::Pairs(Pair { chosen: column(0), rejected: column(1) }),
            Task::Group => Self::Groups(grid_of(column)),
        }
    }

    fn task(&self) -> Task {
        match self {
            Self::Completions(_) => Task::Sft,
            Self::Pairs(_) => Task::Pair,
            Self::Groups(_) => Task::Group,
        }
    }

    /// The completions.
    ///
    /// # Errors
    /// Examples of another task.
    pub fn completions(self) -> Result<T, TrainError> {
        match self {
            Self::Completions(completions) => Ok(completions),
            other => Err(TrainError::OtherTask { found: other.task(), needed: Task::Sft }),
        }
    }

    /// The pairs.
    ///
    /// # Errors
    /// Examples of another task.
    pub fn pairs(self) -> Result<Pair<T>, TrainError> {
        match self {
            Self::Pairs(pairs) => Ok(pairs),
            other => Err(TrainError::OtherTask { found: other.task(), needed: Task::Pair }),
        }
    }

    /// The groups.
    ///
    /// # Errors
    /// Examples of another task.
    pub fn groups(self) -> Result<PairGrid<T>, TrainError> {
        match self {
            Self::Groups(groups) => Ok(groups),
            other => Err(TrainError::OtherTask { found: other.task(), needed: Task::Group }),
        }
    }
}

/// A loss that `iopo-loss` does not have: a program implements it and trains with
/// [`Objective::Custom`](crate::Objective::Custom).
///
/// Its `Debug` output names it in checkpoints, hyper-parameters included: a run is only resumed
/// with a loss that prints the same.
pub trait CustomLoss: Debug + Send + Sync {
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

    /// Whether the loss depends on log-ratios alone, so that it must have the same value for
    /// every batch before the first update. With a likelihood term it does not.
    fn compares_only(&self) -> bool {
        self.needs_reference()
    }

    /// The loss of every example, and detached statistics.
    ///
    /// # Shapes
    /// - `policy`: sums of log-probs and numbers of tokens, `[examples]`
    /// - `reference`: sums of the reference's log-probs, `[examples]`, where one is needed
    ///
    /// # Errors
    /// Inputs that do not fit the loss.
    fn forward(
        &self,
        policy: Examples<CompletionLogProbs>,
        reference: Option<Examples<Tensor<1>>>,
    ) -> Result<ObjectiveLoss, TrainError>;
}
