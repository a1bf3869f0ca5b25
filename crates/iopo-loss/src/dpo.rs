//! Direct preference optimization and the losses that share its inputs.

use std::fmt;
use std::str::FromStr;

use burn::tensor::{Tensor, activation::sigmoid};

use crate::check::{check_beta, check_nll_weight, check_pair, check_reference_use};
use crate::link::{check_no_label_smoothing, logistic_loss};
use crate::{
    CompletionLogProbs, FDivergence, LossConfigError, LossError, Pair, PairStats, PreferenceLink, PreferenceLoss,
    UnknownLossType,
};

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
    fn loss(self, log_ratios: Pair<Tensor<1>>, rewards: Pair<Tensor<1>>, config: &DpoLossConfig) -> Tensor<1> {
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

/// Hyper-parameters of [`DpoLoss`].
///
/// | field | default | purpose | range |
/// |---|---|---|---|
/// | `beta` | 0.1 | strength of the pull to the reference | > 0 |
/// | `loss_type` | sigmoid | see [`DpoLossType`] | |
/// | `label_smoothing` | 0 | share of labels taken as flipped | [0, 0.5) |
/// | `nll_weight` | 0 | weight of the chosen response's mean NLL (`pref_ftx`, `rpo_alpha`) | ≥ 0 |
/// | `divergence` | reverse KL | see [`FDivergence`] | |
/// | `reference_free` | false | take the reference as uniform | |
#[derive(Debug, Clone, PartialEq)]
pub struct DpoLossConfig {
    /// Strength of the pull to the reference.
    pub beta: f64,
    /// Which loss.
    pub loss_type: DpoLossType,
    /// Share of labels taken as flipped; for sigmoid, robust and exo_pair only.
    pub label_smoothing: f64,
    /// Weight of the chosen response's mean negative log-likelihood, added to the loss.
    pub nll_weight: f64,
    /// Divergence from the reference; another than reverse KL for loss types of the margin only.
    pub divergence: FDivergence,
    /// Whether there is no reference: its log-probs count as equal.
    pub reference_free: bool,
}

impl Default for DpoLossConfig {
    fn default() -> Self {
        Self {
            beta: 0.1,
            loss_type: DpoLossType::default(),
            label_smoothing: 0.0,
            nll_weight: 0.0,
            divergence: FDivergence::ReverseKl,
            reference_free: false,
        }
    }
}

impl DpoLossConfig {
    /// Validates the config.
    ///
    /// # Errors
    ///
    /// [`LossConfigError`] for the first field that is out of range or has no effect.
    pub fn init(self) -> Result<DpoLoss, LossConfigError> {
        check_beta(self.beta)?;
        check_nll_weight(self.nll_weight)?;
        match self.loss_type {
            DpoLossType::Margin(link) => link.check_label_smoothing(self.label_smoothing)?,
            other => check_no_label_smoothing(other.name(), self.label_smoothing)?,
        }
        self.divergence.check()?;
        let of_summed_margin = matches!(self.loss_type, DpoLossType::Margin(link) if !link.averages_tokens());
        if self.divergence != FDivergence::ReverseKl && !of_summed_margin {
            return Err(LossConfigError::DivergenceUnsupported { loss_type: self.loss_type.name() });
        }
        Ok(DpoLoss { config: self })
    }
}

/// Direct preference optimization.
///
/// ```text
/// L = -log σ(β (L_w - L_l)),    L_j = log π_θ(y_j|x) - log π_ref(y_j|x)
/// ```
///
/// # Source
///
/// Rafailov et al. 2023, *Direct Preference Optimization*, Equation 7. DPO\* of IOPO (ACL 2025),
/// Section 6.2, is this loss on [`PairGrid::output_pairs`](crate::PairGrid::output_pairs).
///
/// # Examples
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use iopo_loss::{CompletionLogProbs, DpoLossConfig, Pair};
///
/// let device = Device::flex();
/// let column = |value: f32| Tensor::<1>::from_data([value], &device);
/// let reference = Pair { chosen: -20.0, rejected: -30.0 };
/// let policy = reference.map(|sum| CompletionLogProbs { sum: column(sum), tokens: column(10.0) });
///
/// let dpo = DpoLossConfig::default().init()?;
/// let loss = dpo.forward(policy, Some(reference.map(column)))?;
/// // Policy and reference agree: nothing is learnt yet.
/// assert_eq!(loss.per_example.into_scalar::<f32>(), std::f32::consts::LN_2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct DpoLoss {
    config: DpoLossConfig,
}

impl DpoLoss {
    /// The config it was made from.
    pub fn config(&self) -> &DpoLossConfig {
        &self.config
    }

    /// The loss of every pair.
    ///
    /// # Shapes
    ///
    /// - `policy`: every tensor `[n]`
    /// - `reference`: sums over completion tokens, `[n]`; they share the policy's token counts
    /// - `per_example`: `[n]`
    ///
    /// # Errors
    ///
    /// [`LossError`] if the batch is empty, its tensors do not belong together, or a reference is
    /// missing or superfluous.
    pub fn forward(
        &self,
        policy: Pair<CompletionLogProbs>,
        reference: Option<Pair<Tensor<1>>>,
    ) -> Result<PreferenceLoss<PairStats>, LossError> {
        check_pair(&policy, reference.as_ref())?;
        check_reference_use(reference.as_ref(), self.config.reference_free)?;
        let averaged = self.config.loss_type.averages_tokens();
        let log_probs = policy.as_ref().map(|side| side.seen(side.sum.clone(), averaged));
        let log_ratios = match reference {
            Some(reference) => {
                let reference = policy.as_ref().zip_with(reference, |side, sum| side.seen(sum, averaged));
                log_probs.clone().zip_with(reference, |policy, reference| policy - reference)
            }
            None => log_probs.clone(),
        };
        let rewards = log_ratios.clone().map(|log_ratio| log_ratio.mul_scalar(self.config.beta));
        let mut per_example = self.config.loss_type.loss(log_ratios, rewards.clone(), &self.config);
        if self.config.nll_weight > 0.0 {
            per_example = per_example + policy.chosen.mean_nll().mul_scalar(self.config.nll_weight);
        }
        Ok(PreferenceLoss { per_example, stats: PairStats::new(log_probs, rewards) })
    }
}
