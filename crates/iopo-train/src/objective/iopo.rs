//! Input-output preference optimization and its variants.

use std::sync::Arc;

use iopo_data::Task;
use iopo_loss::{IopoLoss, IopoLossConfig, IopoVariant, LossConfigError};
use serde_json::{Value, json};

use super::{Objective, ObjectiveLoss, Stage};
use crate::error::TrainError;
use crate::log_probs::BatchLogProbs;

/// Values of `iopo_variant`.
pub(crate) const VARIANTS: [(&str, IopoVariant); 4] = [
    ("full", IopoVariant::Full),
    ("simplified", IopoVariant::Simplified),
    ("input-only", IopoVariant::InputPreference),
    ("output-only", IopoVariant::OutputPreference),
];

pub(super) const STAGE: Stage = Stage {
    name: "iopo",
    is_pref_loss: false,
    keys: &["pref_beta", "pref_ftx", "pref_loss", "reference_free", "iopo_label_smoothing", "iopo_variant"],
    build: |args| {
        let variant = VARIANTS.iter().find(|(name, _)| *name == args.iopo_variant);
        let (_, variant) = variant.ok_or_else(|| {
            LossConfigError::new("iopo_variant", format!("unknown iopo_variant \"{}\"", args.iopo_variant))
        })?;
        let config = IopoLossConfig {
            beta: args.pref_beta,
            variant: *variant,
            link: args.pref_loss.parse()?,
            label_smoothing: args.iopo_label_smoothing,
            nll_weight: args.pref_ftx,
            reference_free: args.reference_free,
        };
        Ok(Arc::new(config.init()?))
    },
};

impl Objective for IopoLoss {
    fn identity(&self) -> Value {
        let config = self.config();
        let variant = VARIANTS.iter().find(|(_, variant)| *variant == config.variant);
        json!({
            "stage": "iopo",
            "pref_beta": config.beta,
            "iopo_variant": variant.map(|(name, _)| name),
            "pref_loss": config.link.name(),
            "iopo_label_smoothing": config.label_smoothing,
            "pref_ftx": config.nll_weight,
            "reference_free": config.reference_free,
        })
    }

    fn task(&self) -> Task {
        Task::Group
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
        let (policy, reference) = batch.groups()?;
        let loss = self.forward(policy, reference)?;
        Ok(ObjectiveLoss { per_example: loss.per_example, stats: loss.stats.named() })
    }
}
