//! Every way in which a config or a batch can be wrong.

use burn::tensor::DType;

/// Why a loss could not be made from its config.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LossConfigError {
    /// β is zero, negative or not finite.
    #[error("beta must be a positive number, not {beta}")]
    Beta {
        /// The value given.
        beta: f64,
    },
    /// Label smoothing is outside `[0, 0.5)`: at one half the labels say nothing.
    #[error("label smoothing must lie in [0, 0.5), not {label_smoothing}")]
    LabelSmoothing {
        /// The value given.
        label_smoothing: f64,
    },
    /// Label smoothing is set for a loss that has no such parameter.
    #[error("label smoothing is {label_smoothing}, but the {loss_type} loss has none: set it to 0")]
    LabelSmoothingUnused {
        /// Name of the loss.
        loss_type: &'static str,
        /// The value given.
        label_smoothing: f64,
    },
    /// Label smoothing is zero for a loss that takes its logarithm.
    #[error(
        "the {loss_type} loss takes the logarithm of label smoothing: set it above 0, for example to 1e-3"
    )]
    LabelSmoothingRequired {
        /// Name of the loss.
        loss_type: &'static str,
    },
    /// The weight of the NLL term is negative or not finite.
    #[error("the NLL weight must be a number that is not negative, not {nll_weight}")]
    NllWeight {
        /// The value given.
        nll_weight: f64,
    },
    /// SimPO's target margin is negative or not finite.
    #[error("gamma must be a number that is not negative, not {gamma}")]
    Gamma {
        /// The value given.
        gamma: f64,
    },
    /// The α of an α-divergence is not finite, or is one, where the divergence is reverse KL.
    #[error("the alpha of an alpha-divergence must be a number other than 1, not {alpha}")]
    DivergenceAlpha {
        /// The value given.
        alpha: f64,
    },
    /// A divergence other than reverse KL is set for a loss that is not defined with it.
    #[error("the {loss_type} loss is defined for the reverse KL divergence only")]
    DivergenceUnsupported {
        /// Name of the loss.
        loss_type: &'static str,
    },
}

/// Why a loss could not be computed from its inputs.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LossError {
    /// There is no row: a mean over the batch would not be a number.
    #[error("the batch is empty")]
    EmptyBatch,
    /// Two tensors that describe the same rows have different lengths.
    #[error("{name} has {actual} rows where {expected} were expected")]
    LengthMismatch {
        /// Which tensor.
        name: &'static str,
        /// Length of the first tensor.
        expected: usize,
        /// Its own length.
        actual: usize,
    },
    /// Two tensors that enter one formula have different dtypes.
    #[error("{name} is {actual:?} where {expected:?} was expected")]
    DTypeMismatch {
        /// Which tensor.
        name: &'static str,
        /// Dtype of the first tensor.
        expected: DType,
        /// Its own dtype.
        actual: DType,
    },
    /// Two tensors that enter one formula lie on different devices; with or without autodiff is
    /// no difference here.
    #[error("{name} is on {actual} where {expected} was expected")]
    DeviceMismatch {
        /// Which tensor.
        name: &'static str,
        /// Device of the first tensor.
        expected: String,
        /// Its own device.
        actual: String,
    },
    /// The loss compares with a reference model, and no reference log-probs were given.
    #[error("reference log-probs are missing, and the loss is not reference-free")]
    MissingReference,
    /// The loss is reference-free, and reference log-probs were given.
    #[error("reference log-probs were given to a reference-free loss, which would ignore them")]
    UnexpectedReference,
}

/// The error of reading a loss type by name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown loss type \"{name}\"; known are {known}")]
pub struct UnknownLossType {
    /// The name given.
    pub name: String,
    /// The names there are, separated by commas.
    pub known: String,
}
