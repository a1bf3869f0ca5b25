//! The keys in which two runs must agree for one to continue the other.

use std::collections::BTreeMap;

use burn::tensor::{DType, FloatDType};
use iopo_model::{LoraConfig, LoraTargets};
use serde_json::{Map, Value, json};

use super::{FineTuning, TrainConfig};

/// The entry that holds the loss's identity as a whole.
pub(crate) const LOSS: &str = "loss";

impl TrainConfig {
    /// The keys that decide which updates follow, with their values as a user would write them; the loss's included.
    ///
    /// Left out are keys about the model and the data, which are compared by content; the number of updates, in all
    /// and of the warm-up, which follows from several keys; and keys that change no update, such as how batches are
    /// split and what is logged.
    #[must_use]
    pub fn identity(&self) -> BTreeMap<String, Value> {
        let loss = self.objective.identity();
        let mut identity = match &loss {
            Value::Object(keys) => keys.clone(),
            name => Map::from_iter([("stage".to_owned(), name.clone())]),
        };
        // Once more as a whole: a loss with fewer keys is another one, and its keys may have names of others.
        identity.insert(LOSS.to_owned(), loss);
        identity.extend(self.fine_tuning_identity());
        let name = |dtype: FloatDType| DType::from(dtype).name();
        let precision = &self.precision;
        identity.extend(entries(json!({
            "precision": {
                "weights": name(precision.weights),
                "adapter": name(precision.adapter),
                "loss": name(precision.loss),
            },
            "per_device_train_batch_size": self.batch_size,
            "gradient_accumulation_steps": self.accumulation,
            "accumulate_across_epochs": self.accumulate_across_epochs,
            "seed": self.seed,
            "learning_rate": self.learning_rate,
            "lr_scheduler_type": self.schedule,
            "adam_beta1": self.optimizer.beta1,
            "adam_beta2": self.optimizer.beta2,
            "adam_epsilon": self.optimizer.epsilon,
            "weight_decay": self.optimizer.weight_decay,
            "max_grad_norm": self.max_grad_norm,
        })));
        if let Some(choice) = &self.selection {
            identity.insert("greater_is_better".to_owned(), choice.greater_is_better.into());
        }
        identity.into_iter().collect()
    }

    fn fine_tuning_identity(&self) -> Map<String, Value> {
        let FineTuning::Lora(LoraConfig { rank, alpha, rank_stabilised, targets }) = &self.fine_tuning else {
            return entries(json!({ "finetuning_type": "full" }));
        };
        let mut identity = entries(json!({ "finetuning_type": "lora" }));
        // An adapter that is trained further keeps its own shape.
        if self.adapter.is_none() || self.new_adapter {
            let targets = match targets {
                LoraTargets::All => "all".to_owned(),
                LoraTargets::Named(names) => names.join(", "),
            };
            identity.extend(entries(json!({
                "lora_rank": rank,
                "lora_alpha": alpha,
                "use_rslora": rank_stabilised,
                "lora_target": targets,
            })));
        }
        identity
    }
}

/// The entries of a JSON object.
fn entries(object: Value) -> Map<String, Value> {
    match object {
        Value::Object(entries) => entries,
        _ => Map::new(),
    }
}
