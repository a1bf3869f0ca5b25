//! Preference optimization without a reference, on averaged log-probs.

use crate::check::{check_beta, check_nll_weight, check_pair};
use crate::link::logistic_loss;
use crate::{CompletionLogProbs, LossConfigError, LossError, Pair, PairStats, PreferenceLoss};

/// Hyper-parameters of [`SimpoLoss`].
///
/// | field | default | purpose | range |
/// |---|---|---|---|
/// | `beta` | 0.1 | scale of the averaged log-probs | > 0 |
/// | `gamma` | 0.5 | margin asked for | ≥ 0 |
/// | `nll_weight` | 0 | weight of the chosen response's mean NLL (`pref_ftx`, `cpo_alpha`) | ≥ 0 |
///
/// The defaults are those of LLaMA-Factory and TRL. SimPO's authors use β from 2 to 2.5 and γ from
/// 0.3 to 1.6: averaged log-probs differ by much less than sums.
#[derive(Debug, Clone, PartialEq)]
pub struct SimpoLossConfig {
    /// Scale of the averaged log-probs.
    pub beta: f64,
    /// By how much the chosen reward should exceed the rejected one.
    pub gamma: f64,
    /// Weight of the chosen response's mean negative log-likelihood, added to the loss.
    pub nll_weight: f64,
}

impl Default for SimpoLossConfig {
    fn default() -> Self {
        Self { beta: 0.1, gamma: 0.5, nll_weight: 0.0 }
    }
}

impl SimpoLossConfig {
    /// Validates the config.
    ///
    /// # Errors
    ///
    /// [`LossConfigError`] for the first field that is out of range.
    pub fn init(self) -> Result<SimpoLoss, LossConfigError> {
        check_beta(self.beta)?;
        check_nll_weight(self.nll_weight)?;
        if !self.gamma.is_finite() || self.gamma < 0.0 {
            let message = format!("gamma must be a number that is not negative, not {}", self.gamma);
            return Err(LossConfigError::new("gamma", message));
        }
        Ok(SimpoLoss { config: self })
    }
}

/// Simple preference optimization.
///
/// ```text
/// L = -log σ(β (l_w - l_l) - γ),    l_j = log π_θ(y_j|x) / |y_j|
/// ```
///
/// # Source
///
/// Meng et al. 2024, *SimPO*, Equation 6.
///
/// # Examples
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use iopo_loss::{CompletionLogProbs, Pair, SimpoLossConfig};
///
/// let device = Device::flex();
/// let column = |value: f32| Tensor::<1>::from_data([value], &device);
/// let policy = Pair {
///     chosen: CompletionLogProbs { sum: column(-5.0), tokens: column(10.0) },
///     rejected: CompletionLogProbs { sum: column(-15.0), tokens: column(20.0) },
/// };
/// // The means are -0.5 and -0.75; a margin of 2 · 0.25 is just what γ asks for.
/// let simpo = SimpoLossConfig { beta: 2.0, gamma: 0.5, ..Default::default() }.init()?;
/// let loss = simpo.forward(policy)?;
/// assert_eq!(loss.per_example.into_scalar::<f32>(), std::f32::consts::LN_2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct SimpoLoss {
    config: SimpoLossConfig,
}

impl SimpoLoss {
    /// The config it was made from.
    pub fn config(&self) -> &SimpoLossConfig {
        &self.config
    }

    /// The loss of every pair.
    ///
    /// # Shapes
    ///
    /// - `policy`: every tensor `[n]`; `per_example`: `[n]`
    ///
    /// # Errors
    ///
    /// [`LossError`] if the batch is empty or its tensors do not belong together.
    pub fn forward(&self, policy: Pair<CompletionLogProbs>) -> Result<PreferenceLoss<PairStats>, LossError> {
        check_pair(&policy, None)?;
        let log_probs = policy.map(|side| side.mean());
        let rewards = log_probs.clone().map(|log_prob| log_prob.mul_scalar(self.config.beta));
        let margin = rewards.chosen.clone() - rewards.rejected.clone();
        let mut per_example = logistic_loss(margin.sub_scalar(self.config.gamma));
        if self.config.nll_weight > 0.0 {
            per_example = per_example - log_probs.chosen.clone().mul_scalar(self.config.nll_weight);
        }
        Ok(PreferenceLoss { per_example, stats: PairStats::new(log_probs, rewards) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_rows, completion};

    fn pair() -> Pair<CompletionLogProbs> {
        // Means of -2 and -3.
        Pair { chosen: completion(-10.0, 5.0), rejected: completion(-30.0, 10.0) }
    }

    #[test]
    fn simpo_asks_the_averaged_margin_to_exceed_gamma() {
        // 2 (-2 - -3) - 0.5 = 1.5
        let simpo = SimpoLossConfig { beta: 2.0, ..Default::default() }.init().unwrap();
        let loss = simpo.forward(pair()).unwrap();
        assert_rows(loss.per_example, &[(-1.5f64).exp().ln_1p()]);
        assert_rows(loss.stats.rewards.chosen, &[-4.0]);
        assert_rows(loss.stats.margins, &[2.0]);
    }

    #[test]
    fn the_nll_term_is_the_mean_of_the_chosen_response() {
        let simpo = SimpoLossConfig { beta: 2.0, nll_weight: 0.5, ..Default::default() }.init().unwrap();
        assert_rows(simpo.forward(pair()).unwrap().per_example, &[(-1.5f64).exp().ln_1p() + 1.0]);
    }

    #[test]
    fn equal_means_without_gamma_give_ln_2() {
        let simpo = SimpoLossConfig { gamma: 0.0, ..Default::default() }.init().unwrap();
        let pair = Pair { chosen: completion(-10.0, 5.0), rejected: completion(-20.0, 10.0) };
        assert_rows(simpo.forward(pair).unwrap().per_example, &[std::f64::consts::LN_2]);
    }

    #[test]
    fn a_negative_gamma_is_refused() {
        let error = SimpoLossConfig { gamma: -0.5, ..Default::default() }.init().unwrap_err();
        assert_eq!(error.to_string(), "gamma must be a number that is not negative, not -0.5");
    }
}
