//! Supervised fine-tuning with an odds-ratio penalty.

use burn::tensor::Tensor;

use crate::check::{check_beta, check_nll_weight, check_pair};
use crate::link::logistic_loss;
use crate::{CompletionLogProbs, LossConfigError, LossError, Pair, PairStats, PreferenceLoss, log1mexp};

/// Hyper-parameters of [`OrpoLoss`].
///
/// | field | default | purpose | range |
/// |---|---|---|---|
/// | `beta` | 0.1 | weight of the odds-ratio term (λ in the paper) | > 0 |
/// | `nll_weight` | 0 | weight of the chosen response's mean NLL *beyond* ORPO's own one (`pref_ftx`) | ≥ 0 |
#[derive(Debug, Clone, PartialEq)]
pub struct OrpoLossConfig {
    /// Weight of the odds-ratio term.
    pub beta: f64,
    /// Further weight of the chosen response's mean negative log-likelihood, beyond ORPO's own 1.
    pub nll_weight: f64,
}

impl Default for OrpoLossConfig {
    fn default() -> Self {
        Self { beta: 0.1, nll_weight: 0.0 }
    }
}

impl OrpoLossConfig {
    /// Validates the config.
    ///
    /// # Errors
    ///
    /// [`LossConfigError`] for the first field that is out of range.
    pub fn init(self) -> Result<OrpoLoss, LossConfigError> {
        check_beta(self.beta)?;
        check_nll_weight(self.nll_weight)?;
        Ok(OrpoLoss { config: self })
    }
}

/// Odds-ratio preference optimization.
///
/// ```text
/// L = -l_w - β log σ(log odds_w - log odds_l)
/// log odds_j = l_j - log(1 - e^l_j),    l_j = log π_θ(y_j|x) / |y_j|
/// ```
///
/// Loss and gradient are finite for every log-prob up to and including zero; see
/// [`log1mexp`](crate::log1mexp) for what happens there.
///
/// # Source
///
/// Hong et al. 2024, *ORPO*, Equations 6 and 7.
///
/// # Examples
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use iopo_loss::{CompletionLogProbs, OrpoLossConfig, Pair};
///
/// let device = Device::flex();
/// let column = |value: f32| Tensor::<1>::from_data([value], &device);
/// let side = || CompletionLogProbs { sum: column(-10.0), tokens: column(20.0) };
///
/// let orpo = OrpoLossConfig::default().init()?;
/// let loss = orpo.forward(Pair { chosen: side(), rejected: side() })?;
/// // Equal odds: the NLL of the chosen response, and a tenth of ln 2.
/// let expected = 0.5 + 0.1 * std::f32::consts::LN_2;
/// assert!((loss.per_example.into_scalar::<f32>() - expected).abs() < 1e-6);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct OrpoLoss {
    config: OrpoLossConfig,
}

impl OrpoLoss {
    /// The config it was made from.
    pub fn config(&self) -> &OrpoLossConfig {
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
        let log_odds = log_probs.clone().map(log_odds);
        let preference = logistic_loss(log_odds.chosen - log_odds.rejected).mul_scalar(self.config.beta);
        let nll = log_probs.chosen.clone().mul_scalar(-(1.0 + self.config.nll_weight));
        Ok(PreferenceLoss { per_example: nll + preference, stats: PairStats::new(log_probs, rewards) })
    }
}

/// `log(p / (1 - p))` from `log p`.
fn log_odds(log_prob: Tensor<1>) -> Tensor<1> {
    log_prob.clone() - log1mexp(log_prob)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_rows, completion};

    const LN_2: f64 = std::f64::consts::LN_2;

    #[test]
    fn orpo_adds_the_logistic_loss_of_the_odds_ratio() {
        // p_w = 1/2 has odds 1, p_l = 1/4 has odds 1/3: odds ratio 3, -log σ(log 3) = log(4/3).
        let pair = Pair { chosen: completion(-5.0 * LN_2, 5.0), rejected: completion(-6.0 * LN_2, 3.0) };
        let loss = OrpoLossConfig { beta: 0.5, ..Default::default() }.init().unwrap().forward(pair).unwrap();
        assert_rows(loss.per_example, &[LN_2 + 0.5 * (4.0f64 / 3.0).ln()]);
        assert_rows(loss.stats.rewards.rejected, &[-LN_2]);
    }

    #[test]
    fn equal_odds_give_beta_ln_2_beyond_the_nll() {
        let pair = Pair { chosen: completion(-5.0, 5.0), rejected: completion(-3.0, 3.0) };
        let loss = OrpoLossConfig::default().init().unwrap().forward(pair).unwrap();
        assert_rows(loss.per_example, &[1.0 + 0.1 * LN_2]);
    }

    #[test]
    fn exchanging_the_responses_inverts_the_odds_ratio() {
        // -log σ(-log 3) = log 4, and the NLL is now log 4.
        let pair = Pair { chosen: completion(-6.0 * LN_2, 3.0), rejected: completion(-5.0 * LN_2, 5.0) };
        let loss = OrpoLossConfig { beta: 0.5, ..Default::default() }.init().unwrap().forward(pair).unwrap();
        assert_rows(loss.per_example, &[4f64.ln() + 0.5 * 4f64.ln()]);
    }
}
