//! Simple preference optimization.

use std::sync::Arc;

use iopo_data::Task;
use iopo_loss::{SimpoLoss, SimpoLossConfig};
use serde_json::{Value, json};

use super::{Objective, ObjectiveLoss, Stage};
use crate::error::TrainError;
use crate::log_probs::BatchLogProbs;

pub(super) const STAGE: Stage = Stage {
    name: "simpo",
    is_pref_loss: true,
    keys: &["pref_beta", "pref_ftx", "simpo_gamma"],
    build: |args| {
        let gamma = args.simpo_gamma.unwrap_or(SimpoLossConfig::default().gamma);
        let config = SimpoLossConfig { beta: args.pref_beta, gamma, nll_weight: args.pref_ftx };
        Ok(Arc::new(config.init()?))
    },
};

impl Objective for SimpoLoss {
    fn identity(&self) -> Value {
        let SimpoLossConfig { beta, gamma, nll_weight } = self.config();
        json!({ "stage": "simpo", "pref_beta": beta, "simpo_gamma": gamma, "pref_ftx": nll_weight })
    }

    fn task(&self) -> Task {
        Task::Pair
    }

    fn needs_reference(&self) -> bool {
        false
    }

    fn beta(&self) -> f64 {
        self.config().beta
    }

    fn loss(&self, batch: &BatchLogProbs) -> Result<ObjectiveLoss, TrainError> {
        let (policy, _) = batch.pairs()?;
        let loss = self.forward(policy)?;
        Ok(ObjectiveLoss { per_example: loss.per_example, stats: loss.stats.named() })
    }
}
