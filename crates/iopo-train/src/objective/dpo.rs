//! Direct preference optimization.

use std::sync::Arc;

use iopo_data::Task;
use iopo_loss::{DpoLoss, DpoLossConfig};
use serde_json::{Value, json};

use super::{Objective, ObjectiveLoss, Stage};
use crate::error::TrainError;
use crate::log_probs::BatchLogProbs;

pub(super) const STAGE: Stage = Stage {
    name: "dpo",
    is_pref_loss: false,
    keys: &["pref_beta", "pref_ftx", "pref_loss", "reference_free", "dpo_label_smoothing"],
    build: |args| {
        let config = DpoLossConfig {
            beta: args.pref_beta,
            loss_type: args.pref_loss.parse()?,
            label_smoothing: args.dpo_label_smoothing,
            nll_weight: args.pref_ftx,
            reference_free: args.reference_free,
            ..DpoLossConfig::default()
        };
        Ok(Arc::new(config.init()?))
    },
};

impl Objective for DpoLoss {
    fn identity(&self) -> Value {
        let config = self.config();
        json!({
            "stage": "dpo",
            "pref_beta": config.beta,
            "pref_loss": config.loss_type.name(),
            "dpo_label_smoothing": config.label_smoothing,
            "pref_ftx": config.nll_weight,
            "divergence": config.divergence.to_string(),
            "reference_free": config.reference_free,
        })
    }

    fn task(&self) -> Task {
        Task::Pair
    }

    fn needs_reference(&self) -> bool {
        !self.config().reference_free
    }

    fn beta(&self) -> f64 {
        self.config().beta
    }

    fn compares_only(&self) -> bool {
        self.needs_reference() && self.config().nll_weight == 0.0
    }

    fn loss(&self, batch: &BatchLogProbs) -> Result<ObjectiveLoss, TrainError> {
        let (policy, reference) = batch.pairs()?;
        let loss = self.forward(policy, reference)?;
        Ok(ObjectiveLoss { per_example: loss.per_example, stats: loss.stats.named() })
    }
}
