//! Direct preference optimization and the losses that share its inputs.

use burn::tensor::Tensor;

use crate::check::{check_beta, check_nll_weight, check_pair, check_reference_use};
use crate::link::check_no_label_smoothing;
use crate::{
    CompletionLogProbs, DpoLossType, FDivergence, LossConfigError, LossError, Pair, PairStats, PreferenceLoss,
};

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
            let loss_type = self.loss_type.name();
            let message = format!("the {loss_type} loss is defined for the reverse KL divergence only");
            return Err(LossConfigError::new("divergence", message));
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
        let reference = match reference {
            Some(reference) => reference.map(Some),
            None => Pair::default(),
        };
        let sides = policy
            .as_ref()
            .zip_with(reference, |side, reference| side.compared_with(reference, averaged, self.config.beta));
        let log_ratios = sides.as_ref().map(|side| side.log_ratio.clone());
        let rewards = sides.as_ref().map(|side| side.reward.clone());
        let mut per_example = self.config.loss_type.loss(log_ratios, rewards.clone(), &self.config);
        if self.config.nll_weight > 0.0 {
            per_example = per_example + policy.chosen.mean_nll().mul_scalar(self.config.nll_weight);
        }
        let log_probs = sides.map(|side| side.log_prob);
        Ok(PreferenceLoss { per_example, stats: PairStats::new(log_probs, rewards) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PreferenceLink;
    use crate::testing::{assert_rows, completion, one};

    fn loss(config: DpoLossConfig) -> PreferenceLoss<PairStats> {
        // L_w = -10 - -14 = 4 over 5 tokens, L_l = -21 - -20 = -1 over 10 tokens.
        let policy = Pair { chosen: completion(-10.0, 5.0), rejected: completion(-21.0, 10.0) };
        let reference = Pair { chosen: -14.0, rejected: -20.0 }.map(one);
        let reference = (!config.reference_free).then_some(reference);
        config.init().unwrap().forward(policy, reference).unwrap()
    }

    fn of_type(loss_type: impl Into<DpoLossType>, label_smoothing: f64) -> Tensor<1> {
        loss(DpoLossConfig { loss_type: loss_type.into(), label_smoothing, ..Default::default() }).per_example
    }

    /// `log(1 + e^-x)`.
    fn softplus_of_minus(x: f64) -> f64 {
        (-x).exp().ln_1p()
    }

    /// `1 / (1 + e^-x)`.
    fn logistic(x: f64) -> f64 {
        1.0 / (1.0 + (-x).exp())
    }

    #[test]
    fn sigmoid_is_the_logistic_loss_of_the_margin() {
        // β (4 - -1) = 0.5
        assert_rows(of_type(PreferenceLink::Sigmoid, 0.0), &[softplus_of_minus(0.5)]);
    }

    #[test]
    fn label_smoothing_mixes_in_the_opposite_label() {
        // log(1 + e^0.5) = log(1 + e^-0.5) + 0.5, so smoothing by 0.1 adds 0.05.
        assert_rows(of_type(PreferenceLink::Sigmoid, 0.1), &[softplus_of_minus(0.5) + 0.05]);
    }

    #[test]
    fn robust_takes_the_opposite_label_away() {
        // (0.9 s - 0.1 (s + 0.5)) / 0.8 = s - 0.0625
        assert_rows(of_type(PreferenceLink::Robust, 0.1), &[softplus_of_minus(0.5) - 0.0625]);
    }

    #[test]
    fn sigmoid_norm_averages_over_tokens() {
        // β (4/5 - -1/10) = 0.09
        assert_rows(of_type(PreferenceLink::SigmoidNorm, 0.0), &[softplus_of_minus(0.09)]);
    }

    #[test]
    fn hinge_is_what_the_margin_lacks_of_one() {
        assert_rows(of_type(PreferenceLink::Hinge, 0.0), &[0.5]);
    }

    #[test]
    fn ipo_is_the_squared_distance_from_its_target() {
        // (0.9 - 1/0.2)² = 4.1²
        assert_rows(of_type(PreferenceLink::Ipo, 0.0), &[16.81]);
    }

    #[test]
    fn exo_pair_is_a_divergence_of_two_bernoullis() {
        let win = logistic(0.5);
        let expected = win * (win / 0.9).ln() + (1.0 - win) * ((1.0 - win) / 0.1).ln();
        assert_rows(of_type(PreferenceLink::ExoPair, 0.1), &[expected]);
    }

    #[test]
    fn discopop_blends_logistic_and_exponential_loss() {
        // σ(0.5 / 0.05) = σ(10)
        let weight = logistic(10.0);
        let expected = softplus_of_minus(0.5) * (1.0 - weight) + (-0.5f64).exp() * weight;
        assert_rows(of_type(PreferenceLink::Discopop, 0.0), &[expected]);
    }

    #[test]
    fn losses_of_both_rewards_have_the_values_of_their_formulas() {
        // c = 0.4, r = -0.1
        let (up, down) = (softplus_of_minus(0.4), softplus_of_minus(0.1));
        assert_rows(of_type(DpoLossType::BcoPair, 0.0), &[up + down]);
        // log(1 + e^0.4) = up + 0.4
        assert_rows(of_type(DpoLossType::NcaPair, 0.0), &[up + 0.5 * (up + 0.4) + 0.5 * down]);
        // (4 - 5)² + (-1 + 5)²
        assert_rows(of_type(DpoLossType::SppoHard, 0.0), &[17.0]);
        assert_rows(of_type(DpoLossType::ApoZero, 0.0), &[logistic(-0.4) + logistic(-0.1)]);
        assert_rows(of_type(DpoLossType::ApoDown, 0.0), &[logistic(0.4) + logistic(-0.5)]);
    }

    #[test]
    fn the_nll_term_is_the_mean_of_the_chosen_response() {
        // 0.5 · 10/5 = 1
        let loss = loss(DpoLossConfig { nll_weight: 0.5, ..Default::default() });
        assert_rows(loss.per_example, &[softplus_of_minus(0.5) + 1.0]);
    }

    #[test]
    fn without_a_reference_the_log_probs_themselves_are_compared() {
        // β (-10 - -21) = 1.1
        let loss = loss(DpoLossConfig { reference_free: true, ..Default::default() });
        assert_rows(loss.per_example, &[softplus_of_minus(1.1)]);
    }

    #[test]
    fn rewards_are_beta_times_the_log_ratios() {
        let stats = loss(DpoLossConfig::default()).stats;
        assert_rows(stats.rewards.chosen, &[0.4]);
        assert_rows(stats.rewards.rejected, &[-0.1]);
        assert_rows(stats.accuracies, &[1.0]);
        assert_rows(stats.logps.rejected, &[-21.0]);
    }

    #[test]
    fn a_missing_reference_is_an_error() {
        let policy = Pair { chosen: completion(-1.0, 1.0), rejected: completion(-2.0, 1.0) };
        let result = DpoLossConfig::default().init().unwrap().forward(policy, None);
        assert!(matches!(result, Err(LossError::MissingReference)));
    }

    #[test]
    fn a_reference_of_a_reference_free_loss_is_an_error() {
        let policy = Pair { chosen: completion(-1.0, 1.0), rejected: completion(-2.0, 1.0) };
        let reference = Pair { chosen: -1.0, rejected: -2.0 }.map(one);
        let config = DpoLossConfig { reference_free: true, ..Default::default() };
        let result = config.init().unwrap().forward(policy, Some(reference));
        assert!(matches!(result, Err(LossError::UnexpectedReference)));
    }

    #[test]
    fn mixed_dtypes_are_an_error() {
        let single = || one(-1.0).cast(burn::tensor::DType::F32);
        let policy = Pair { chosen: completion(-1.0, 1.0), rejected: completion(-2.0, 1.0) };
        let reference = Some(Pair { chosen: single(), rejected: single() });
        let result = DpoLossConfig::default().init().unwrap().forward(policy, reference);
        assert!(matches!(result, Err(LossError::Mismatch { name: "reference.chosen", .. })));
    }

    #[test]
    fn a_beta_that_is_not_positive_is_refused() {
        for beta in [0.0, -0.1, f64::NAN, f64::INFINITY] {
            let error = DpoLossConfig { beta, ..Default::default() }.init().unwrap_err();
            assert_eq!(error.to_string(), format!("beta must be a positive number, not {beta}"));
        }
    }

    #[test]
    fn a_negative_nll_weight_is_refused() {
        let error = DpoLossConfig { nll_weight: -1.0, ..Default::default() }.init().unwrap_err();
        assert_eq!(error.to_string(), "the NLL weight must be a number that is not negative, not -1");
    }

    #[test]
    fn label_smoothing_of_a_loss_of_both_rewards_is_refused() {
        let config =
            DpoLossConfig { loss_type: DpoLossType::SppoHard, label_smoothing: 0.1, ..Default::default() };
        let error = config.init().unwrap_err();
        assert_eq!(error.to_string(), "label smoothing is 0.1, but the sppo_hard loss has none: set it to 0");
    }

    #[test]
    fn another_divergence_is_refused_where_it_is_not_defined() {
        for loss_type in [DpoLossType::NcaPair, PreferenceLink::Ipo.into()] {
            let config =
                DpoLossConfig { loss_type, divergence: FDivergence::ForwardKl, ..Default::default() };
            let error = config.init().unwrap_err();
            let expected = format!("the {loss_type} loss is defined for the reverse KL divergence only");
            assert_eq!(error.to_string(), expected);
        }
    }
}
