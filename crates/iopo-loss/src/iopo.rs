//! Input-output preference optimization.

use burn::tensor::Tensor;

use crate::check::{check_beta, check_grid, check_nll_weight, check_reference_use};
use crate::{
    CompletionLogProbs, GroupStats, LossConfigError, LossError, PairGrid, PreferenceLink, PreferenceLoss,
};

/// Which preferences of a group enter the loss.
///
/// Write `L_ij` for the log-ratio of response j under instruction i.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IopoVariant {
    /// `m = L₁₁ + L₂₂ - L₁₂ - L₂₁`: input and output preferences of both halves in one margin.
    /// Equations 9 and 10.
    #[default]
    Full,
    /// `m = 2L₁₁ - L₁₂ - L₂₁`: the half of the group around `x1` and `y1`. Equation 11.
    Simplified,
    /// `m = L₁₁ - L₂₁` and `m = L₂₂ - L₁₂`, two examples per group: which instruction a response
    /// fits. Footnote 4, "w/o output preference".
    InputPreference,
    /// `m = L₁₁ - L₁₂` and `m = L₂₂ - L₂₁`, two examples per group: which response an instruction
    /// wants. Footnote 5, "w/o input preference"; the same as DPO on the group's two pairs.
    OutputPreference,
}

impl IopoVariant {
    /// How many examples the loss makes of one group.
    pub fn examples_per_group(self) -> usize {
        match self {
            Self::Full | Self::Simplified => 1,
            Self::InputPreference | Self::OutputPreference => 2,
        }
    }

    /// The margin of every example, `[examples_per_group · n]`.
    fn margins(self, log_ratios: PairGrid<Tensor<1>>) -> Tensor<1> {
        match self {
            Self::Full => log_ratios.matched_minus_swapped(),
            Self::Simplified => {
                let matched = log_ratios.x1_y1;
                (matched.clone() - log_ratios.x1_y2) + (matched - log_ratios.x2_y1)
            }
            Self::InputPreference => margins_in_turn(log_ratios.by_response()),
            Self::OutputPreference => margins_in_turn(log_ratios.by_instruction()),
        }
    }

    /// The NLL term of every example: that of the matched responses it is made of.
    fn matched_nll(self, policy: PairGrid<CompletionLogProbs>) -> Tensor<1> {
        match self.examples_per_group() {
            1 => policy.x1_y1.mean_nll() + policy.x2_y2.mean_nll(),
            _ => policy.matched().mean_nll(),
        }
    }
}

/// Margins of the first pairs, then those of the second.
fn margins_in_turn(pairs: [crate::Pair<Tensor<1>>; 2]) -> Tensor<1> {
    Tensor::cat(pairs.map(|pair| pair.chosen - pair.rejected).to_vec(), 0)
}

/// Hyper-parameters of [`IopoLoss`].
///
/// | field | default | purpose | range |
/// |---|---|---|---|
/// | `beta` | 0.1 | strength of the pull to the reference | > 0 |
/// | `variant` | full | see [`IopoVariant`] | |
/// | `link` | sigmoid | see [`PreferenceLink`] | |
/// | `label_smoothing` | 0 | share of labels taken as flipped | [0, 0.5) |
/// | `nll_weight` | 0 | weight of the matched responses' mean NLL (`pref_ftx`) | ≥ 0 |
/// | `reference_free` | false | take the reference as uniform | |
#[derive(Debug, Clone, PartialEq)]
pub struct IopoLossConfig {
    /// Strength of the pull to the reference.
    pub beta: f64,
    /// Which preferences of the group enter.
    pub variant: IopoVariant,
    /// How a margin becomes a loss.
    pub link: PreferenceLink,
    /// Share of labels taken as flipped; for sigmoid, robust and exo_pair only.
    pub label_smoothing: f64,
    /// Weight of the NLL term. One example per group: the *sum* of the mean NLLs of the two
    /// matched responses, as the paper's trainer has it. Two examples per group: each has the
    /// mean NLL of its own matched response, as DPO on pairs has it.
    pub nll_weight: f64,
    /// Whether there is no reference: its log-probs count as equal.
    pub reference_free: bool,
}

impl Default for IopoLossConfig {
    fn default() -> Self {
        Self {
            beta: 0.1,
            variant: IopoVariant::Full,
            link: PreferenceLink::Sigmoid,
            label_smoothing: 0.0,
            nll_weight: 0.0,
            reference_free: false,
        }
    }
}

impl IopoLossConfig {
    /// Validates the config.
    ///
    /// # Errors
    ///
    /// [`LossConfigError`] for the first field that is out of range or has no effect.
    pub fn init(self) -> Result<IopoLoss, LossConfigError> {
        check_beta(self.beta)?;
        check_nll_weight(self.nll_weight)?;
        self.link.check_label_smoothing(self.label_smoothing)?;
        Ok(IopoLoss { config: self })
    }
}

/// Input-output preference optimization.
///
/// ```text
/// L    = -log σ(½ (Π₁ + Π₂))
/// Π₁   = β (2L₁₁ - L₁₂ - L₂₁),    Π₂ = β (2L₂₂ - L₂₁ - L₁₂)
/// L_ij = log π_θ(y_j|x_i) - log π_ref(y_j|x_i)
/// ```
///
/// `½ (Π₁ + Π₂) = β (L₁₁ + L₂₂ - L₁₂ - L₂₁)` is the interaction of instruction and response in a
/// 2×2 table, and at the same time the sum of two DPO margins. What depends on the instruction
/// alone or on the response alone cancels.
///
/// # Source
///
/// IOPO (ACL 2025), Equations 9 and 10; the variants: Equation 11 and footnotes 4 and 5.
///
/// # Examples
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use iopo_loss::{CompletionLogProbs, IopoLossConfig, PairGrid};
///
/// let device = Device::flex();
/// let column = |value: f32| Tensor::<1>::from_data([value], &device);
/// let reference = PairGrid { x1_y1: -20.0, x1_y2: -35.0, x2_y1: -40.0, x2_y2: -25.0 };
/// let policy = reference.map(|sum| CompletionLogProbs { sum: column(sum), tokens: column(10.0) });
///
/// let iopo = IopoLossConfig::default().init()?;
/// let loss = iopo.forward(policy, Some(reference.map(column)))?;
/// // Policy and reference agree: nothing is learnt yet.
/// assert_eq!(loss.per_example.into_scalar::<f32>(), std::f32::consts::LN_2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct IopoLoss {
    config: IopoLossConfig,
}

impl IopoLoss {
    /// The config it was made from.
    pub fn config(&self) -> &IopoLossConfig {
        &self.config
    }

    /// The loss of every example; statistics are per group.
    ///
    /// # Shapes
    ///
    /// - `policy`: every tensor `[n]`
    /// - `reference`: sums over completion tokens, `[n]`; they share the policy's token counts
    /// - `per_example`: `[n]`; for the variants of two examples per group `[2n]`, first the
    ///   examples whose matched cell is `x1_y1`, then those whose matched cell is `x2_y2`
    ///
    /// # Errors
    ///
    /// [`LossError`] if the batch is empty, its tensors do not belong together, or a reference is
    /// missing or superfluous.
    pub fn forward(
        &self,
        policy: PairGrid<CompletionLogProbs>,
        reference: Option<PairGrid<Tensor<1>>>,
    ) -> Result<PreferenceLoss<GroupStats>, LossError> {
        check_grid(&policy, reference.as_ref())?;
        check_reference_use(reference.as_ref(), self.config.reference_free)?;
        let IopoLossConfig { beta, variant, link, label_smoothing, nll_weight, .. } = self.config;
        let reference = match reference {
            Some(reference) => reference.map(Some),
            None => PairGrid::default(),
        };
        let cells = policy.as_ref().zip_with(reference, |cell, reference| {
            cell.compared_with(reference, link.averages_tokens(), beta)
        });
        let log_ratios = cells.as_ref().map(|cell| cell.log_ratio.clone());
        let mut per_example = link.loss(variant.margins(log_ratios), beta, label_smoothing);
        if nll_weight > 0.0 {
            per_example = per_example + variant.matched_nll(policy).mul_scalar(nll_weight);
        }
        let rewards = cells.as_ref().map(|cell| cell.reward.clone());
        let log_probs = cells.map(|cell| cell.log_prob);
        Ok(PreferenceLoss { per_example, stats: GroupStats::new(log_probs, rewards) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_rows, completion, one};

    /// L₁₁ = 5, L₁₂ = -2, L₂₁ = 1, L₂₂ = 3; five tokens in y1, ten in y2.
    fn loss(config: IopoLossConfig) -> PreferenceLoss<GroupStats> {
        let policy = PairGrid {
            x1_y1: completion(-10.0, 5.0),
            x1_y2: completion(-32.0, 10.0),
            x2_y1: completion(-24.0, 5.0),
            x2_y2: completion(-17.0, 10.0),
        };
        let reference = PairGrid { x1_y1: -15.0, x1_y2: -30.0, x2_y1: -25.0, x2_y2: -20.0 }.map(one);
        let reference = (!config.reference_free).then_some(reference);
        config.init().unwrap().forward(policy, reference).unwrap()
    }

    fn of_variant(variant: IopoVariant) -> Tensor<1> {
        loss(IopoLossConfig { variant, ..Default::default() }).per_example
    }

    /// `log(1 + e^-x)`.
    fn softplus_of_minus(x: f64) -> f64 {
        (-x).exp().ln_1p()
    }

    #[test]
    fn full_iopo_is_half_the_sum_of_both_pi() {
        // Π₁ = 0.1 (10 + 2 - 1) = 1.1, Π₂ = 0.1 (6 - 1 + 2) = 0.7, half their sum is 0.9.
        assert_rows(of_variant(IopoVariant::Full), &[softplus_of_minus(0.9)]);
    }

    #[test]
    fn simplified_iopo_is_the_first_pi() {
        assert_rows(of_variant(IopoVariant::Simplified), &[softplus_of_minus(1.1)]);
    }

    #[test]
    fn input_preference_compares_instructions() {
        // 0.1 (5 - 1) = 0.4 and 0.1 (3 + 2) = 0.5
        assert_rows(
            of_variant(IopoVariant::InputPreference),
            &[softplus_of_minus(0.4), softplus_of_minus(0.5)],
        );
    }

    #[test]
    fn output_preference_compares_responses() {
        // 0.1 (5 + 2) = 0.7 and 0.1 (3 - 1) = 0.2
        assert_rows(
            of_variant(IopoVariant::OutputPreference),
            &[softplus_of_minus(0.7), softplus_of_minus(0.2)],
        );
    }

    #[test]
    fn links_apply_to_the_matched_minus_swapped_margin() {
        let with = |link, label_smoothing| {
            loss(IopoLossConfig { link, label_smoothing, ..Default::default() }).per_example
        };
        assert_rows(with(PreferenceLink::Sigmoid, 0.1), &[softplus_of_minus(0.9) + 0.09]);
        assert_rows(with(PreferenceLink::Hinge, 0.0), &[0.1]);
        // Averages: 5/5 + 3/10 + 2/10 - 1/5 = 1.3, and (1.3 - 5)² = 13.69.
        assert_rows(with(PreferenceLink::Ipo, 0.0), &[13.69]);
    }

    #[test]
    fn ipo_starts_at_twenty_five() {
        // (0 - 1/0.2)²
        let zero = PairGrid { x1_y1: -8.0, x1_y2: -9.0, x2_y1: -7.0, x2_y2: -6.0 };
        let config = IopoLossConfig { link: PreferenceLink::Ipo, ..Default::default() };
        let policy = zero.map(|sum| completion(sum, 3.0));
        let loss = config.init().unwrap().forward(policy, Some(zero.map(one))).unwrap();
        assert_rows(loss.per_example, &[25.0]);
        assert_rows(loss.stats.output_accuracies, &[0.0]);
    }

    #[test]
    fn the_nll_term_is_the_sum_over_the_matched_responses() {
        // 10/5 + 17/10 = 3.7
        let loss = loss(IopoLossConfig { nll_weight: 0.5, ..Default::default() });
        assert_rows(loss.per_example, &[softplus_of_minus(0.9) + 1.85]);
    }

    #[test]
    fn each_of_two_examples_has_the_nll_of_its_own_matched_response() {
        let variant = IopoVariant::InputPreference;
        let loss = loss(IopoLossConfig { variant, nll_weight: 1.0, ..Default::default() });
        assert_rows(loss.per_example, &[softplus_of_minus(0.4) + 2.0, softplus_of_minus(0.5) + 1.7]);
    }

    #[test]
    fn without_a_reference_the_log_probs_themselves_are_compared() {
        // 0.1 (-10 - 17 + 32 + 24) = 2.9
        let loss = loss(IopoLossConfig { reference_free: true, ..Default::default() });
        assert_rows(loss.per_example, &[softplus_of_minus(2.9)]);
    }

    #[test]
    fn rewards_are_beta_times_the_log_ratios_of_the_cells() {
        let stats = loss(IopoLossConfig::default()).stats;
        assert_rows(stats.rewards.x1_y2, &[-0.2]);
        assert_rows(stats.rewards.x2_y2, &[0.3]);
        assert_rows(stats.margins, &[0.9]);
        assert_rows(stats.logps.x2_y1, &[-24.0]);
    }

    #[test]
    fn cells_of_different_lengths_are_an_error() {
        let mut policy =
            PairGrid { x1_y1: -1.0, x1_y2: -2.0, x2_y1: -3.0, x2_y2: -4.0 }.map(|sum| completion(sum, 1.0));
        policy.x2_y1 = CompletionLogProbs::cat(completion(-1.0, 1.0), completion(-1.0, 1.0));
        let config = IopoLossConfig { reference_free: true, ..Default::default() };
        let result = config.init().unwrap().forward(policy, None);
        assert_eq!(result.unwrap_err().to_string(), "policy.x2_y1.sum has 2 rows where 1 were expected");
    }
}
