//! Gradients.

use std::collections::BTreeMap;

use burn::module::Module;
use burn::tensor::FloatDType;
use iopo_data::TrieBatch;
use iopo_model::{
    BackwardOptions, CausalLm, Checkpointing, ParameterGradients, Parameters, Precision, load_model,
};
use iopo_train::{
    BatchLogProbs, Engine, GroupPasses, MicroBatch, Objective, ReferencePolicy, TrainError, WeightedBatch,
    micro_step,
};

use super::{engine, numbers, objective, split, whole};
use crate::common::{adapted, base, examples, fixture, fresh_lora, relative_difference};

fn gradients(
    policy: &CausalLm,
    objective: &dyn Objective,
    batches: &[WeightedBatch],
) -> BTreeMap<String, Vec<f64>> {
    let reference = ReferencePolicy::frozen(base(policy.precision().weights));
    let mut sum = ParameterGradients::default();
    for batch in batches {
        sum.merge(micro_step(policy, Some(&reference), objective, batch, &engine()).unwrap().gradients);
    }
    sum.iter().map(|g| (g.name.clone(), numbers(g.values.clone()))).collect()
}

#[test]
fn micro_batches_of_any_sizes_give_the_gradient_of_one_batch() {
    // A group's four gradients nearly cancel, which leaves fewer of the digits of f32.
    let stages = [(&["stage=sft"][..], 1e-6), (&["stage=iopo"], 1e-5), (&["iopo_variant=input-only"], 1e-5)];
    for (stage, f32_tolerance) in stages {
        for (dtype, tolerance) in [(FloatDType::F64, 1e-12), (FloatDType::F32, f32_tolerance)] {
            let policy = adapted(dtype).train();
            let (objective, examples) = (objective(stage), examples(stage, 5));
            let whole = gradients(&policy, &*objective, &split(&examples, &[5]));
            for sizes in [&[1, 1, 1, 1, 1][..], &[2, 2, 1], &[1, 4]] {
                let parts = gradients(&policy, &*objective, &split(&examples, sizes));
                let difference = relative_difference(&parts, &whole);
                assert!(difference < tolerance, "{dtype:?} {stage:?} {sizes:?}: {difference:e}");
            }
        }
    }
}

#[test]
fn a_shared_trie_changes_neither_loss_nor_gradients() {
    for stage in ["stage=sft", "stage=dpo", "stage=simpo", "stage=orpo", "stage=iopo"] {
        let (objective, sequences) = (objective(&[stage]), examples(&[stage], 3).concat());
        let shared = MicroBatch::new(&sequences).unwrap();
        let unshared = MicroBatch::from_trie(TrieBatch::unshared(&sequences).unwrap()).unwrap();
        assert!(shared.num_tokens() < unshared.num_tokens());
        let policy = adapted(FloatDType::F64).train();
        let reference = ReferencePolicy::frozen(base(FloatDType::F64));
        let loss = |batch: &MicroBatch| {
            micro_step(&policy, Some(&reference), &*objective, &whole(batch.clone()), &engine()).unwrap().loss
        };
        let (a, b) = (loss(&shared), loss(&unshared));
        assert!((a - b).abs() < 1e-12 * b, "{stage}: {a} {b}");
        let [a, b] = [shared, unshared].map(|batch| gradients(&policy, &*objective, &[whole(batch)]));
        let difference = relative_difference(&a, &b);
        assert!(difference < 1e-11, "{stage}: {difference:e}");
    }
}

/// Gradients of the loss through one tape over everything, which the engine never builds.
fn by_one_tape(
    policy: &CausalLm,
    objective: &dyn Objective,
    batch: &MicroBatch,
) -> BTreeMap<String, Vec<f64>> {
    let reference = ReferencePolicy::frozen(base(policy.precision().weights));
    let reference = objective.needs_reference().then(|| reference.log_probs(batch).unwrap());
    let tokens = policy.token_log_probs(batch.layout(), batch.predictions()).unwrap();
    let log_probs = BatchLogProbs::new(objective.task(), batch.by_token(&tokens), reference).unwrap();
    let loss = objective.loss(&log_probs).unwrap();
    let mut found = loss.per_example.mean().backward();
    policy.take_gradients(&mut found).into_iter().map(|g| (g.name, numbers(g.values))).collect()
}

#[test]
fn every_engine_gives_the_gradient_of_one_tape() {
    let lean = |checkpointing, head_chunk, passes| Engine {
        backward: BackwardOptions { checkpointing, head_chunk },
        passes,
    };
    let engines = [
        engine(),
        lean(Checkpointing::Off, 1, GroupPasses::One),
        lean(Checkpointing::Selective, 1_000, GroupPasses::One),
        lean(Checkpointing::Full, 5, GroupPasses::One),
        lean(Checkpointing::Off, 1_000, GroupPasses::Two),
        lean(Checkpointing::Full, 3, GroupPasses::Two),
    ];
    let tied = |dtype| {
        let dir = fixture("models/qwen2-tiny-tied");
        let model = load_model(&dir, Precision::uniform(dtype), &burn::tensor::Device::flex()).unwrap();
        model.set_require_grad(true).train()
    };
    for stage in
        ["stage=sft", "stage=dpo", "stage=simpo", "stage=orpo", "stage=iopo", "iopo_variant=input-only"]
    {
        let (objective, batch) =
            (objective(&[stage]), MicroBatch::new(&examples(&[stage], 2).concat()).unwrap());
        for (dtype, tolerance) in [(FloatDType::F64, 1e-11), (FloatDType::F32, 1e-5)] {
            for policy in [
                adapted(dtype).train(),
                adapted(dtype).merge_lora().set_require_grad(true).train(),
                tied(dtype),
            ] {
                let expected = by_one_tape(&policy, &*objective, &batch);
                for engine in &engines {
                    let reference = ReferencePolicy::frozen(base(dtype));
                    let weighted = whole(batch.clone());
                    let step = micro_step(&policy, Some(&reference), &*objective, &weighted, engine).unwrap();
                    let found = step.gradients.iter().map(|g| (g.name.clone(), numbers(g.values.clone())));
                    let difference = relative_difference(&found.collect(), &expected);
                    assert!(difference < tolerance, "{stage} {dtype:?} {engine:?}: {difference:e}");
                }
            }
        }
    }
}

/// Several branches, of which each thread takes some, and blocks of rows within them.
#[test]
fn gradients_do_not_depend_on_the_number_of_threads() {
    let stage = &["stage=iopo"];
    let batch = MicroBatch::new(&examples(stage, 12).concat()).unwrap();
    assert!(batch.num_tokens() > 1_000, "{} tokens are one branch", batch.num_tokens());
    let policy = adapted(FloatDType::F32).merge_lora().set_require_grad(true).train();
    let reference = ReferencePolicy::frozen(base(FloatDType::F32));
    let lean = Engine {
        backward: BackwardOptions { checkpointing: Checkpointing::Full, head_chunk: 50 },
        passes: GroupPasses::One,
    };
    for engine in [engine(), lean] {
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let step =
                    micro_step(&policy, Some(&reference), &*objective(stage), &whole(batch.clone()), &engine)
                        .unwrap();
                let gradients = step.gradients.iter().map(|g| (g.name.clone(), numbers(g.values.clone())));
                (step.loss, gradients.collect::<BTreeMap<_, _>>())
            })
        };
        let one = on(1);
        let expected = by_one_tape(&policy, &*objective(stage), &batch);
        let difference = relative_difference(&one.1, &expected);
        assert!(difference < 1e-5, "{difference:e}");
        for threads in [2, 3, 7] {
            assert!(on(threads) == one, "{threads} threads, {engine:?}");
        }
    }
}

#[test]
fn parameters_that_no_loss_reaches_get_zero_gradients_of_their_own_shape() {
    let policy = fresh_lora(FloatDType::F32);
    let mut sum = ParameterGradients::default();
    sum.complete(&policy);
    for (gradient, parameter) in sum.iter().zip(sorted(policy.trainable_parameters())) {
        assert_eq!((&gradient.name, &gradient.shape), (&parameter.name, &parameter.shape));
        assert_eq!(numbers(gradient.values.clone()), vec![0.0; parameter.shape.iter().product()]);
    }
    assert_eq!(sum.iter().count(), policy.trainable_parameters().len());
}

fn sorted(mut parameters: Vec<iopo_model::NamedTensor>) -> Vec<iopo_model::NamedTensor> {
    parameters.sort_by(|a, b| a.name.cmp(&b.name));
    parameters
}

#[test]
fn a_weight_scales_the_gradient_and_not_the_loss() {
    let (objective, policy) = (objective(&[]), adapted(FloatDType::F64).train());
    let batch = MicroBatch::new(&examples(&[], 1).concat()).unwrap();
    let with = |weight: f64| {
        let reference = ReferencePolicy::frozen(base(FloatDType::F64));
        let weighted = WeightedBatch { batch: batch.clone(), weight };
        micro_step(&policy, Some(&reference), &*objective, &weighted, &engine()).unwrap()
    };
    let (one, half) = (with(1.0), with(0.5));
    assert_eq!(one.loss, half.loss);
    for (a, b) in one.gradients.iter().zip(half.gradients.iter()) {
        for (a, b) in numbers(a.values.clone()).into_iter().zip(numbers(b.values.clone())) {
            assert!((a - 2.0 * b).abs() <= 1e-12 * a.abs());
        }
    }
}

#[test]
fn a_batch_without_whole_examples_is_refused() {
    let batch = MicroBatch::new(&examples(&[], 1)[0][..3]).unwrap();
    let policy = fresh_lora(FloatDType::F32);
    let reference = ReferencePolicy::snapshot(&policy);
    let result = micro_step(&policy, Some(&reference), &*objective(&[]), &whole(batch), &engine());
    assert!(matches!(result, Err(TrainError::BrokenBatch { sequences: 3, per_example: 4 })));
}

#[test]
fn a_loss_that_needs_a_reference_says_so() {
    let batch = MicroBatch::new(&examples(&[], 1)[0]).unwrap();
    let result = micro_step(&fresh_lora(FloatDType::F32), None, &*objective(&[]), &whole(batch), &engine());
    assert_eq!(result.map(drop).unwrap_err().to_string(), iopo_loss::LossError::MissingReference.to_string());
}
