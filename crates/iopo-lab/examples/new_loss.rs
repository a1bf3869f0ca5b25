//! A loss that no paper has, on the bench: the worse of a group's two instructions decides.
//!
//! ```sh
//! cargo run --release -p iopo-lab --example new_loss
//! ```
use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;

use burn::tensor::Device;
use iopo_data::Task;
use iopo_lab::{Author, Decoding, Lab, Method, Recipe, Rows, Writing};
use iopo_loss::{LossError, log_sigmoid};
use iopo_train::{BatchLogProbs, Objective, ObjectiveLoss, TrainError};
use serde_json::{Value, json};

/// `L = -log σ(2β min(L₁₁ − L₁₂, L₂₂ − L₂₁))`, with the log-ratios L of the four cells.
#[derive(Debug)]
struct WorseMargin {
    beta: f64,
}

impl Objective for WorseMargin {
    fn identity(&self) -> Value {
        json!({ "loss": "worse-margin", "beta": self.beta })
    }

    fn task(&self) -> Task {
        Task::Group
    }

    fn beta(&self) -> f64 {
        self.beta
    }

    fn loss(&self, batch: &BatchLogProbs) -> Result<ObjectiveLoss, TrainError> {
        let (policy, reference) = batch.groups()?;
        let reference = reference.ok_or(LossError::MissingReference)?;
        let ratios = policy.zip_with(reference, |policy, reference| policy.sum - reference);
        let (first, second) = (ratios.x1_y1 - ratios.x1_y2, ratios.x2_y2 - ratios.x2_y1);
        let margin = first.min_pair(second).mul_scalar(2.0 * self.beta);
        Ok(ObjectiveLoss { per_example: log_sigmoid(margin).neg(), stats: Vec::new() })
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let dir = PathBuf::from("target/new-loss");
    let lab = Lab::new(Recipe::quickstart(), 1, dir.clone(), Device::flex().autodiff())?;
    let base = lab.base(&mut ())?.model;
    let (rows, _) = lab.preference_rows(Author::World(&Writing::ORACLE), &dir.join("rows"))?;
    let worse = Method::custom("worse-margin", Rows::Groups, Arc::new(WorseMargin { beta: 1.0 }));
    for method in [Method::from_name("iopo").ok_or("IOPO is gone")?, worse] {
        let tuned = lab.tune(&base, &rows, &method, "1e-4", &dir.join(method.name), &mut ())?;
        let judged = lab.examine(&tuned.model, &lab.test, Decoding::Greedy)?;
        let followed = judged.iter().filter(|row| row.followed() == Some(true)).count();
        println!("{method}: {followed} of {} instructions followed", judged.len());
    }
    Ok(())
}
