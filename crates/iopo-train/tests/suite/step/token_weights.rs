//! Loss weights of single tokens.

use std::collections::BTreeMap;

use burn::module::Module;
use burn::tensor::{FloatDType, Tensor, TensorData};
use iopo_data::{Task, TokenSequence};
use iopo_model::{CausalLm, Parameters};
use iopo_train::{
    BatchLogProbs, Engine, GroupPasses, MicroBatch, Objective, ObjectiveLoss, ReferencePolicy, TrainError,
    micro_step, token_log_probs,
};
use serde_json::{Value, json};

use super::{engine, numbers, objective, whole};
use crate::common::{adapted, base, examples};

/// The clipped ratio of PPO, with an advantage for each sequence.
///
/// ```text
/// L = -mean_t min(r_t A, clamp(r_t, 1 - ε, 1 + ε) A),    r_t = π(y_t | x, y_<t) / π_old(y_t | x, y_<t)
/// ```
#[derive(Debug)]
struct ClippedRatio {
    old: Vec<f64>,
    advantages: Vec<f64>,
    range: f64,
}

impl Objective for ClippedRatio {
    fn identity(&self) -> Value {
        json!({ "loss": "clipped-ratio", "range": self.range })
    }

    fn task(&self) -> Task {
        Task::Sft
    }

    fn needs_reference(&self) -> bool {
        false
    }

    fn loss(&self, batch: &BatchLogProbs) -> Result<ObjectiveLoss, TrainError> {
        let tokens = batch.tokens();
        let like = |values: Vec<f64>| {
            let length = values.len();
            let options = (&tokens.values.device(), tokens.values.dtype());
            Tensor::<1>::from_data(TensorData::new(values, [length]), options)
        };
        let advantages = self.advantages.iter().zip(&tokens.lengths);
        let advantages = like(advantages.flat_map(|(&a, &length)| vec![a; length]).collect());
        let ratio = (tokens.values.clone() - like(self.old.clone())).exp();
        let clipped = ratio.clone().clamp(1.0 - self.range, 1.0 + self.range);
        let gain = (ratio * advantages.clone()).min_pair(clipped * advantages);
        let means = gain.split_with_sizes(tokens.lengths.clone(), 0).into_iter().map(Tensor::mean);
        Ok(ObjectiveLoss { per_example: Tensor::cat(means.collect(), 0).neg(), stats: Vec::new() })
    }
}

/// Completions, of which the first two begin alike and so share predictions.
fn batch() -> MicroBatch {
    let mut sequences: Vec<TokenSequence> = examples(&["stage=sft"], 2).concat();
    let mut other_end = sequences[0].clone();
    *other_end.completion.last_mut().unwrap() += 1;
    sequences.insert(1, other_end);
    let batch = MicroBatch::new(&sequences).unwrap();
    assert!(batch.predictions().targets.len() < batch.completion_tokens().iter().sum());
    batch
}

fn clipped_ratio(policy: &CausalLm, batch: &MicroBatch) -> ClippedRatio {
    let now = numbers(token_log_probs(policy, batch).unwrap().values);
    // Ratios inside the range and beyond either end of it, none near an end.
    let distances = [0.05, -0.4, 0.4, -0.05, 0.1].into_iter().cycle();
    let old = now.iter().zip(distances).map(|(now, distance)| now - distance).collect();
    ClippedRatio { old, advantages: vec![1.0, -0.5, 2.0], range: 0.2 }
}

#[test]
fn the_weights_of_a_sequence_loss_are_equal_within_each_sequence() {
    let policy = adapted(FloatDType::F64).train();
    let reference = ReferencePolicy::frozen(base(FloatDType::F64));
    for stage in
        ["stage=sft", "stage=dpo", "stage=simpo", "stage=orpo", "stage=iopo", "iopo_variant=input-only"]
    {
        let (objective, batch) =
            (objective(&[stage]), MicroBatch::new(&examples(&[stage], 2).concat()).unwrap());
        let tokens = token_log_probs(&policy, &batch).unwrap();
        let sums = objective.needs_reference().then(|| reference.log_probs(&batch).unwrap());
        let mut weights = numbers(objective.couple(tokens, sums, 1.0).unwrap().weights);
        for length in batch.completion_tokens() {
            let sequence: Vec<f64> = weights.drain(..length).collect();
            assert!(
                sequence[0] != 0.0 && sequence.iter().all(|&c| c == sequence[0]),
                "{stage}: {sequence:?}"
            );
        }
        assert!(weights.is_empty());
    }
}

#[test]
fn tokens_of_one_sequence_may_have_different_weights() {
    let (policy, batch) = (adapted(FloatDType::F64).train(), batch());
    let objective = clipped_ratio(&policy, &batch);
    let tokens = token_log_probs(&policy, &batch).unwrap();
    let lengths = tokens.lengths.clone();
    let weights = numbers(objective.couple(tokens, None, 1.0).unwrap().weights);
    // A = 1 over T tokens of 3 sequences: -r/(3T) inside the range and below it, 0 above.
    let share = -1.0 / (3.0 * lengths[0] as f64);
    for (weight, ratio) in weights.iter().zip([0.05_f64.exp(), (-0.4_f64).exp(), 0.0, (-0.05_f64).exp()]) {
        assert!((weight - share * ratio).abs() < 1e-12, "{weight} {}", share * ratio);
    }
}

#[test]
fn a_loss_of_single_tokens_has_the_gradient_of_differences_in_one_pass_and_in_two() {
    const STEP: f64 = 1e-4;
    let (policy, batch) = (adapted(FloatDType::F64).train(), batch());
    let objective = clipped_ratio(&policy, &batch);
    let loss = |policy: &CausalLm| {
        objective.couple(token_log_probs(policy, &batch).unwrap(), None, 1.0).unwrap().loss
    };
    let shifted = |name: &str, index: usize, by: f64| {
        policy.clone().update_trainable(|other, values| {
            (other == name).then(|| {
                let device = values.device();
                let mut values = numbers(values);
                values[index] += by;
                let length = values.len();
                Tensor::from_data(TensorData::new(values, [length]), (&device, burn::tensor::DType::F64))
            })
        })
    };
    for passes in [GroupPasses::One, GroupPasses::Two] {
        let engine = Engine { passes, ..engine() };
        let step = micro_step(&policy, None, &objective, &whole(batch.clone()), &engine).unwrap();
        let gradients: BTreeMap<String, Vec<f64>> =
            step.gradients.iter().map(|g| (g.name.clone(), numbers(g.values.clone()))).collect();
        for (name, gradient) in gradients.iter().filter(|(name, _)| name.contains("layers.0")) {
            let scale = gradient.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
            let index = gradient.iter().position(|value| value.abs() == scale).unwrap();
            let difference =
                (loss(&shifted(name, index, STEP)) - loss(&shifted(name, index, -STEP))) / (2.0 * STEP);
            // A central difference is off by STEP²/6 of the third derivative.
            let error = (gradient[index] - difference).abs() / scale;
            assert!(scale > 0.0 && error < 1e-5, "{passes:?} {name}[{index}]: {error:e}");
        }
        assert_eq!(gradients.len(), policy.trainable_parameters().len());
    }
}
