//! The losses of a preference pair, by the names that TRL gives them.

use std::fmt;
use std::str::FromStr;

use burn::tensor::{Tensor, activation::sigmoid};

use crate::link::logistic_loss;
use crate::{DpoLossConfig, Pair, PreferenceLink, UnknownLossType};

/// Which loss of a pair's log-ratios: TRL's `loss_type`.
///
/// Write `c` and `r` for β times the log-ratio of the chosen and of the rejected response: their
/// implicit rewards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DpoLossType {
    /// A loss of the margin alone.
    Margin(PreferenceLink),
    /// `-log σ(c) - log σ(-r)`. Jung et al. 2024, *BCO*, with reward shift zero, as TRL has it.
    BcoPair,
    /// `-log σ(c) - ½ log σ(-c) - ½ log σ(-r)`. Chen et al. 2024, *NCA*.
    NcaPair,
    /// `((c - ½)² + (r + ½)²) / β²`. Wu et al. 2024, *SPPO*, Equation 4.7 with hard labels.
    SppoHard,
    /// `σ(-c) + σ(r)`. D'Oosterlinck et al. 2024, *APO-zero*: the chosen response is better than
    /// what the policy says.
    ApoZero,
    /// `σ(c) + σ(r - c)`. D'Oosterlinck et al. 2024, *APO-down*: the chosen response is worse.
    ApoDown,
}

impl Default for DpoLossType {
    fn default() -> Self {
        Self::Margin(PreferenceLink::Sigmoid)
    }
}

impl From<PreferenceLink> for DpoLossType {
    fn from(link: PreferenceLink) -> Self {
        Self::Margin(link)
    }
}

impl DpoLossType {
    /// The losses that see both rewards, not their difference alone.
    const PAIRWISE: [Self; 5] = [Self::BcoPair, Self::NcaPair, Self::SppoHard, Self::ApoZero, Self::ApoDown];

    /// Every loss type: first those of the margin alone.
    pub fn all() -> impl Iterator<Item = Self> {
        PreferenceLink::ALL.into_iter().map(Self::Margin).chain(Self::PAIRWISE)
    }

    /// The name that TRL gives it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Margin(link) => link.name(),
            Self::BcoPair => "bco_pair",
            Self::NcaPair => "nca_pair",
            Self::SppoHard => "sppo_hard",
            Self::ApoZero => "apo_zero",
            Self::ApoDown => "apo_down",
        }
    }

    /// Whether log-probs are averaged over completion tokens, not summed.
    pub fn averages_tokens(self) -> bool {
        matches!(self, Self::Margin(link) if link.averages_tokens())
    }

    /// The loss of each pair, from its log-ratios and from these times β.
    pub(crate) fn loss(
        self,
        log_ratios: Pair<Tensor<1>>,
        rewards: Pair<Tensor<1>>,
        config: &DpoLossConfig,
    ) -> Tensor<1> {
        let Pair { chosen, rejected } = rewards;
        match self {
            Self::Margin(link) => {
                let scores = log_ratios.map(|log_ratio| config.divergence.score(log_ratio));
                link.loss(scores.chosen - scores.rejected, config.beta, config.label_smoothing)
            }
            Self::BcoPair => logistic_loss(chosen) + logistic_loss(rejected.neg()),
            Self::NcaPair => {
                let down = logistic_loss(chosen.clone().neg()) + logistic_loss(rejected.neg());
                logistic_loss(chosen) + down.mul_scalar(0.5)
            }
            Self::SppoHard => {
                let errors = chosen.sub_scalar(0.5).square() + rejected.add_scalar(0.5).square();
                errors.mul_scalar(1.0 / (config.beta * config.beta))
            }
            Self::ApoZero => sigmoid(chosen.neg()) + sigmoid(rejected),
            Self::ApoDown => sigmoid(chosen.clone()) + sigmoid(rejected - chosen),
        }
    }
}

impl fmt::Display for DpoLossType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for DpoLossType {
    type Err = UnknownLossType;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::all().find(|loss_type| loss_type.name() == name).ok_or_else(|| UnknownLossType {
            name: name.to_owned(),
            known: Self::all().map(Self::name).collect::<Vec<_>>().join(", "),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back_as_its_loss_type() {
        for loss_type in DpoLossType::all() {
            assert_eq!(loss_type.name().parse(), Ok(loss_type));
        }
    }
}
