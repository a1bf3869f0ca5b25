//! Divergences of a policy from its reference.

use std::fmt;

use burn::tensor::{DType, Tensor};

use crate::{LossConfigError, log_sigmoid};

/// The f-divergence that keeps a policy near its reference.
///
/// DPO's log-ratio `r = log π_θ - log π_ref` is the score of reverse KL; another divergence puts
/// `f'(e^r)` in its place, up to a constant, which a margin does not see.
///
/// # Source
///
/// Wang et al. 2023, *Beyond Reverse KL*, Equation 7 and Table 1.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
#[non_exhaustive]
pub enum FDivergence {
    /// `r`: plain DPO.
    #[default]
    ReverseKl,
    /// `-e^-r`.
    ForwardKl,
    /// `log σ(r)`.
    JensenShannon,
    /// `e^((α - 1) r) / (α - 1)`.
    Alpha {
        /// The α of the divergence; it goes to reverse KL as α goes to 1.
        alpha: f64,
    },
}

impl FDivergence {
    /// Checks the divergence's own parameter.
    pub(crate) fn check(self) -> Result<(), LossConfigError> {
        match self {
            Self::Alpha { alpha } if !alpha.is_finite() || alpha == 1.0 => {
                let message =
                    format!("the alpha of an alpha-divergence must be a number other than 1, not {alpha}");
                Err(LossConfigError::new("divergence", message))
            }
            _ => Ok(()),
        }
    }

    /// The score of each log-ratio.
    ///
    /// Exponents are cut off where the result would overflow its dtype; there the gradient is zero.
    ///
    /// # Shapes
    ///
    /// - `log_ratio`: `[n]`; returns `[n]`
    pub(crate) fn score(self, log_ratio: Tensor<1>) -> Tensor<1> {
        match self {
            Self::ReverseKl => log_ratio,
            Self::ForwardKl => {
                let largest = largest_exponent(log_ratio.dtype());
                log_ratio.neg().clamp_max(largest).exp().neg()
            }
            Self::JensenShannon => log_sigmoid(log_ratio),
            Self::Alpha { alpha } => {
                // The exponent stays below the limit because the division by α - 1 can enlarge the result.
                let largest = largest_exponent(log_ratio.dtype()) - 8.0;
                log_ratio.mul_scalar(alpha - 1.0).clamp_max(largest).exp().mul_scalar(1.0 / (alpha - 1.0))
            }
        }
    }
}

impl fmt::Display for FDivergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReverseKl => f.write_str("reverse_kl"),
            Self::ForwardKl => f.write_str("forward_kl"),
            Self::JensenShannon => f.write_str("jensen_shannon"),
            Self::Alpha { alpha } => write!(f, "alpha({alpha})"),
        }
    }
}

/// The largest whole number whose exponential is finite in `dtype`.
fn largest_exponent(dtype: DType) -> f64 {
    match dtype {
        DType::F64 => 709.0,
        DType::F16 => 11.0,
        _ => 88.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn every_divergence_prefers_the_larger_log_ratio() {
        let divergences = [
            FDivergence::ReverseKl,
            FDivergence::ForwardKl,
            FDivergence::JensenShannon,
            FDivergence::Alpha { alpha: 0.5 },
        ];
        for divergence in divergences {
            let log_ratios = Tensor::<1>::from_data([-3.0f32, -0.5, 0.0, 2.0], &Device::flex());
            let scores = divergence.score(log_ratios).into_data().try_to_vec::<f32>().unwrap();
            assert!(scores.is_sorted_by(|a, b| a < b), "{divergence:?} {scores:?}");
        }
    }

    #[test]
    fn an_alpha_of_one_is_refused() {
        let divergence = FDivergence::Alpha { alpha: 1.0 };
        let error = divergence.check().unwrap_err();
        assert_eq!(
            error.to_string(),
            "the alpha of an alpha-divergence must be a number other than 1, not 1"
        );
    }

    #[test]
    fn scores_of_extreme_log_ratios_are_finite() {
        for divergence in [FDivergence::ForwardKl, FDivergence::Alpha { alpha: 0.5 }] {
            let log_ratios = Tensor::<1>::from_data([-1e4f32, 1e4], &Device::flex());
            let scores = divergence.score(log_ratios).into_data().try_to_vec::<f32>().unwrap();
            assert!(scores.iter().all(|score| score.is_finite()), "{divergence:?} {scores:?}");
        }
    }
}
