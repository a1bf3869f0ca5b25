//! One update: losses, gradients, start.

mod gradients;
mod losses;
mod start;
mod token_weights;
mod updates;

use std::sync::Arc;

use burn::module::Module;
use burn::tensor::{FloatDType, Tensor};
use iopo_data::TokenSequence;
use iopo_model::CausalLm;
use iopo_train::{
    AdamW, AdamWConfig, Engine, MicroBatch, Objective, ReferencePolicy, TrainState, WeightedBatch,
    micro_step, sequence_log_probs,
};

use crate::common::{adapted, base, config, examples};

const BETA: f64 = 0.1;

fn objective(more: &[&str]) -> Arc<dyn Objective> {
    config(std::path::Path::new("unused"), more).objective
}

fn whole(batch: MicroBatch) -> WeightedBatch {
    WeightedBatch { batch, weight: 1.0 }
}

fn engine() -> Engine {
    Engine::new(1_024)
}

fn numbers(values: Tensor<1>) -> Vec<f64> {
    values.try_into_vec_as::<f64>().unwrap()
}

/// Sum of log-probs, completion tokens and the reference's sum of one sequence.
#[derive(Clone, Copy)]
struct Row {
    sum: f64,
    tokens: f64,
    reference: f64,
}

impl Row {
    fn ratio(self) -> f64 {
        self.sum - self.reference
    }
    fn mean(self) -> f64 {
        self.sum / self.tokens
    }
    /// `log(p / (1 − p))` of the mean.
    fn log_odds(self) -> f64 {
        self.mean() - (-self.mean().exp_m1()).ln()
    }
}

/// `−log σ(x)`.
fn nls(x: f64) -> f64 {
    (-x).exp().ln_1p()
}

fn mean_of<const N: usize>(values: [f64; N]) -> f64 {
    values.iter().sum::<f64>() / N as f64
}

/// The loss of a stage on three examples, by the trainer and by a formula over its sequences' log-probs.
fn by_trainer_and_by_formula(more: &[&str], formula: impl Fn(&[Row]) -> f64) -> (f64, f64) {
    let policy = adapted(FloatDType::F64).train();
    let reference = ReferencePolicy::frozen(base(FloatDType::F64));
    let objective = objective(more);
    let examples = examples(more, 3);
    let size = examples[0].len();
    let batch = MicroBatch::new(&examples.concat()).unwrap();
    let log_probs = sequence_log_probs(&policy.valid(), &batch).unwrap();
    let references = numbers(reference.log_probs(&batch).unwrap());
    let rows: Vec<Row> = numbers(log_probs.sum)
        .into_iter()
        .zip(examples.concat())
        .zip(references)
        .map(|((sum, sequence), reference)| Row { sum, tokens: sequence.completion.len() as f64, reference })
        .collect();
    let expected = rows.chunks(size).map(formula).sum::<f64>() / 3.0;
    let step = micro_step(&policy, Some(&reference), &*objective, &whole(batch), &engine()).unwrap();
    (step.loss, expected)
}

fn assert_formula(more: &[&str], formula: impl Fn(&[Row]) -> f64) {
    let (found, expected) = by_trainer_and_by_formula(more, formula);
    assert!((found - expected).abs() < 1e-12 * expected.abs(), "{more:?}: {found} {expected}");
    assert!(expected.is_finite() && expected != 0.0);
}

fn pair_margin(rows: &[Row]) -> f64 {
    BETA * (rows[0].ratio() - rows[1].ratio())
}

/// β (L₁₁ + L₂₂ − L₁₂ − L₂₁); sequences are x1 y1, x1 y2, x2 y1, x2 y2.
fn group_margin(rows: &[Row]) -> f64 {
    BETA * (rows[0].ratio() + rows[3].ratio() - rows[1].ratio() - rows[2].ratio())
}

/// The examples in micro-batches of these sizes, each weighing as much as it has examples.
fn split(examples: &[Vec<TokenSequence>], sizes: &[usize]) -> Vec<WeightedBatch> {
    assert_eq!(sizes.iter().sum::<usize>(), examples.len());
    let mut rest = examples;
    sizes
        .iter()
        .map(|&size| {
            let (batch, after) = rest.split_at(size);
            rest = after;
            let weight = size as f64 / examples.len() as f64;
            WeightedBatch { batch: MicroBatch::new(&batch.concat()).unwrap(), weight }
        })
        .collect()
}

fn state(policy: CausalLm) -> TrainState {
    TrainState { policy, optimizer: AdamW::new(AdamWConfig::default()), decayed: None }
}
