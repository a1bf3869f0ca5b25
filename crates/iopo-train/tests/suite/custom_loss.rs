//! Losses that a program brings along.

use std::fs;
use std::sync::Arc;

use iopo_data::Task;
use iopo_loss::{LossError, log_sigmoid};
use iopo_train::{BatchLogProbs, Objective, ObjectiveLoss, TrainError};
use serde_json::{Value, json};
use tempfile::tempdir;

use crate::common::{config, train};

/// IOPO once more.
#[derive(Debug)]
struct Margin {
    beta: f64,
    asked_as: Task,
}

impl Objective for Margin {
    fn identity(&self) -> Value {
        json!({ "loss": "margin", "beta": self.beta })
    }

    fn task(&self) -> Task {
        Task::Group
    }

    fn beta(&self) -> f64 {
        self.beta
    }

    fn loss(&self, batch: &BatchLogProbs) -> Result<ObjectiveLoss, TrainError> {
        if self.asked_as == Task::Pair {
            batch.pairs()?;
        }
        let (policy, reference) = batch.groups()?;
        let reference = reference.ok_or(LossError::MissingReference)?;
        let ratios = policy.zip_with(reference, |policy, reference| policy.sum - reference);
        let margin = ratios.matched_minus_swapped().mul_scalar(self.beta);
        Ok(ObjectiveLoss { per_example: log_sigmoid(margin).neg(), stats: Vec::new() })
    }
}

fn margin() -> Margin {
    Margin { beta: 0.1, asked_as: Task::Group }
}

#[test]
fn a_loss_written_again_trains_to_the_same_weights() {
    let dir = tempdir().unwrap();
    let keys = ["stage=iopo", "max_samples=4", "max_steps=4"];
    let run = |name: &str, objective: Option<Margin>| {
        let out = dir.path().join(name);
        let mut config = config(&out, &keys);
        if let Some(objective) = objective {
            config.objective = Arc::new(objective);
        }
        train(config).unwrap();
        fs::read(out.join("adapter_model.safetensors")).unwrap()
    };
    let (built_in, custom) = (run("built-in", None), run("custom", Some(margin())));
    assert!(built_in == custom);
    let other = Margin { beta: 0.3, ..margin() };
    assert!(built_in != run("other", Some(other)));
}

#[test]
fn a_loss_that_asks_for_other_examples_is_an_error() {
    let dir = tempdir().unwrap();
    let mut config = config(&dir.path().join("out"), &["stage=iopo", "max_samples=4", "max_steps=4"]);
    config.objective = Arc::new(Margin { asked_as: Task::Pair, ..margin() });
    let error = train(config).unwrap_err();
    assert!(matches!(error, TrainError::OtherTask { found: Task::Group, needed: Task::Pair }), "{error}");
}
