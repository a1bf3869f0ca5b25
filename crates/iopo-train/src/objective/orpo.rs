//! Odds-ratio preference optimization.

use std::sync::Arc;

use iopo_data::Task;
use iopo_loss::{OrpoLoss, OrpoLossConfig};
use serde_json::{Value, json};

use super::{Objective, ObjectiveLoss, Stage};
use crate::error::TrainError;
use crate::log_probs::BatchLogProbs;

pub(super) const STAGE: Stage = Stage {
    name: "orpo",
    is_pref_loss: true,
    keys: &["pref_beta", "pref_ftx"],
    build: |args| Ok(Arc::new(OrpoLossConfig { beta: args.pref_beta, nll_weight: args.pref_ftx }.init()?)),
};

impl Objective for OrpoLoss {
    fn identity(&self) -> Value {
        let OrpoLossConfig { beta, nll_weight } = self.config();
        json!({ "stage": "orpo", "pref_beta": beta, "pref_ftx": nll_weight })
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
