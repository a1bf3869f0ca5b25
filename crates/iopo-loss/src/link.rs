//! From a preference margin to a loss.

use std::fmt;
use std::str::FromStr;

use burn::tensor::{
    Tensor,
    activation::{relu, sigmoid},
};

use crate::{LossConfigError, UnknownLossType, log_sigmoid};

/// Sharpness of the blend in [`PreferenceLink::Discopop`], the value found by its authors.
const DISCOPOP_TEMPERATURE: f64 = 0.05;

/// How a margin of log-ratios becomes a loss: the losses that see nothing but the margin.
///
/// Write `m` for the margin, chosen minus rejected (for a group: matched minus swapped), and ε for
/// label smoothing. Names are those of `loss_type` in TRL and of `pref_loss` in LLaMA-Factory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PreferenceLink {
    /// `-(1 - ε) log σ(βm) - ε log σ(-βm)`: Bradley–Terry. Rafailov et al. 2023, Equation 7;
    /// with ε, Mitchell 2023, *cDPO*.
    #[default]
    Sigmoid,
    /// `-log σ(βm)` on log-probs averaged over completion tokens.
    SigmoidNorm,
    /// `max(0, 1 - βm)`. Zhao et al. 2023, *SLiC-HF*.
    Hinge,
    /// `(m - 1/(2β))²` on log-probs averaged over completion tokens. Azar et al. 2023,
    /// Equation 17; averaged as its authors advised for TRL.
    Ipo,
    /// `(-(1 - ε) log σ(βm) + ε log σ(-βm)) / (1 - 2ε)`. Chowdhury et al. 2024, *rDPO*.
    Robust,
    /// `σ(βm)(log σ(βm) - log(1 - ε)) + σ(-βm)(log σ(-βm) - log ε)`. Ji et al. 2024, *EXO*,
    /// Equation 16.
    ExoPair,
    /// `-log σ(βm)(1 - σ(βm/τ)) + e^(-βm) σ(βm/τ)` with τ = 0.05. Lu et al. 2024, *DiscoPOP*.
    Discopop,
}

impl PreferenceLink {
    /// Every link, in the order of declaration.
    pub const ALL: [Self; 7] = [
        Self::Sigmoid,
        Self::SigmoidNorm,
        Self::Hinge,
        Self::Ipo,
        Self::Robust,
        Self::ExoPair,
        Self::Discopop,
    ];

    /// The name that TRL and LLaMA-Factory give it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sigmoid => "sigmoid",
            Self::SigmoidNorm => "sigmoid_norm",
            Self::Hinge => "hinge",
            Self::Ipo => "ipo",
            Self::Robust => "robust",
            Self::ExoPair => "exo_pair",
            Self::Discopop => "discopop",
        }
    }

    /// Whether the margin is made of log-probs averaged over completion tokens instead of sums.
    pub fn averages_tokens(self) -> bool {
        matches!(self, Self::SigmoidNorm | Self::Ipo)
    }

    /// Checks that label smoothing has a meaning here.
    ///
    /// # Errors
    ///
    /// Values outside `[0, 0.5)`, others than 0 where it would have no effect, and 0 where its
    /// logarithm is taken.
    pub(crate) fn check_label_smoothing(self, label_smoothing: f64) -> Result<(), LossConfigError> {
        if !(0.0..0.5).contains(&label_smoothing) {
            // At one half the labels say nothing.
            let message = format!("label smoothing must lie in [0, 0.5), not {label_smoothing}");
            return Err(LossConfigError::new("label_smoothing", message));
        }
        match self {
            Self::Sigmoid | Self::Robust => Ok(()),
            Self::ExoPair if label_smoothing > 0.0 => Ok(()),
            Self::ExoPair => Err(LossConfigError::new(
                "label_smoothing",
                "the exo_pair loss takes the logarithm of label smoothing: set it above 0, for example to 1e-3",
            )),
            _ => check_no_label_smoothing(self.name(), label_smoothing),
        }
    }

    /// The loss of each margin.
    ///
    /// # Shapes
    ///
    /// - `margin`: `[n]`, log-ratios not yet multiplied by β; returns `[n]`
    pub(crate) fn loss(self, margin: Tensor<1>, beta: f64, label_smoothing: f64) -> Tensor<1> {
        match self {
            Self::Sigmoid => smoothed(margin.mul_scalar(beta), label_smoothing),
            Self::SigmoidNorm => logistic_loss(margin.mul_scalar(beta)),
            Self::Hinge => relu(margin.mul_scalar(-beta).add_scalar(1.0)),
            Self::Ipo => margin.sub_scalar(0.5 / beta).square(),
            Self::Robust => robust(margin.mul_scalar(beta), label_smoothing),
            Self::ExoPair => exo_pair(margin.mul_scalar(beta), label_smoothing),
            Self::Discopop => discopop(margin.mul_scalar(beta)),
        }
    }
}

impl fmt::Display for PreferenceLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for PreferenceLink {
    type Err = UnknownLossType;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|link| link.name() == name).ok_or_else(|| UnknownLossType {
            name: name.to_owned(),
            known: Self::ALL.map(Self::name).join(", "),
        })
    }
}

/// Refuses label smoothing for a loss without it.
pub(crate) fn check_no_label_smoothing(
    loss_type: &'static str,
    label_smoothing: f64,
) -> Result<(), LossConfigError> {
    if label_smoothing == 0.0 {
        Ok(())
    } else {
        let message =
            format!("label smoothing is {label_smoothing}, but the {loss_type} loss has none: set it to 0");
        Err(LossConfigError::new("label_smoothing", message))
    }
}

/// `-log σ(logit)`.
pub(crate) fn logistic_loss(logit: Tensor<1>) -> Tensor<1> {
    log_sigmoid(logit).neg()
}

/// Cross-entropy against the label `1 - label_smoothing`.
fn smoothed(logit: Tensor<1>, label_smoothing: f64) -> Tensor<1> {
    if label_smoothing == 0.0 {
        return logistic_loss(logit);
    }
    logistic_loss(logit.clone()).mul_scalar(1.0 - label_smoothing)
        + logistic_loss(logit.neg()).mul_scalar(label_smoothing)
}

/// An unbiased estimate of the clean loss where labels are flipped with this probability.
fn robust(logit: Tensor<1>, flipped: f64) -> Tensor<1> {
    let kept = logistic_loss(logit.clone()).mul_scalar(1.0 - flipped);
    let lost = logistic_loss(logit.neg()).mul_scalar(flipped);
    (kept - lost).mul_scalar(1.0 / (1.0 - 2.0 * flipped))
}

/// Reverse KL divergence of the policy's preference from the smoothed label.
fn exo_pair(logit: Tensor<1>, label_smoothing: f64) -> Tensor<1> {
    let term =
        |logit: Tensor<1>, target: f64| sigmoid(logit.clone()) * log_sigmoid(logit).sub_scalar(target.ln());
    term(logit.clone(), 1.0 - label_smoothing) + term(logit.neg(), label_smoothing)
}

/// The logistic loss blended with the exponential one.
fn discopop(logit: Tensor<1>) -> Tensor<1> {
    let sharp = logit.clone().mul_scalar(1.0 / DISCOPOP_TEMPERATURE);
    let logistic = logistic_loss(logit.clone()) * sigmoid(sharp.clone().neg());
    // As separate factors, e^(-logit) overflows where its weight vanishes.
    let exponential = (log_sigmoid(sharp) - logit).exp();
    logistic + exponential
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back_as_its_link() {
        for link in PreferenceLink::ALL {
            assert_eq!(link.name().parse(), Ok(link));
        }
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_known_ones() {
        let error = "sigmoidal".parse::<PreferenceLink>().unwrap_err();
        assert!(error.to_string().starts_with("unknown loss type \"sigmoidal\"; known are sigmoid, "));
    }

    #[test]
    fn label_smoothing_without_effect_is_refused() {
        let error = PreferenceLink::Hinge.check_label_smoothing(0.1).unwrap_err();
        assert_eq!(error.to_string(), "label smoothing is 0.1, but the hinge loss has none: set it to 0");
        assert_eq!(PreferenceLink::Robust.check_label_smoothing(0.1), Ok(()));
    }

    #[test]
    fn exo_pair_without_label_smoothing_is_refused() {
        let error = PreferenceLink::ExoPair.check_label_smoothing(0.0).unwrap_err();
        assert!(error.to_string().starts_with("the exo_pair loss takes the logarithm"), "{error}");
    }

    #[test]
    fn label_smoothing_of_one_half_or_nan_is_refused() {
        for label_smoothing in [0.5, -0.1, f64::NAN] {
            let error = PreferenceLink::Sigmoid.check_label_smoothing(label_smoothing).unwrap_err();
            assert!(error.to_string().starts_with("label smoothing must lie in [0, 0.5)"), "{error}");
        }
    }
}
