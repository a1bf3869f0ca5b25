//! Supervised fine-tuning.

use std::sync::Arc;

use iopo_data::Task;
use iopo_loss::SftLoss;
use serde_json::{Value, json};

use super::{Objective, ObjectiveLoss, Stage};
use crate::error::TrainError;
use crate::log_probs::BatchLogProbs;

pub(super) const STAGE: Stage =
    Stage { name: "sft", is_pref_loss: false, keys: &[], build: |_| Ok(Arc::new(SftLoss)) };

impl Objective for SftLoss {
    fn identity(&self) -> Value {
        json!({ "stage": "sft" })
    }

    fn task(&self) -> Task {
        Task::Sft
    }

    fn needs_reference(&self) -> bool {
        false
    }

    fn loss(&self, batch: &BatchLogProbs) -> Result<ObjectiveLoss, TrainError> {
        let (policy, _) = batch.completions()?;
        let loss = self.forward(policy)?;
        Ok(ObjectiveLoss { per_example: loss.per_example, stats: loss.stats.named() })
    }
}
