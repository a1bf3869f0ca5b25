//! One update: losses, gradients, start.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::result_large_err,
    reason = "a test fails by panicking, and its errors are rare"
)]

mod common;

use std::collections::BTreeMap;
use std::f64::consts::LN_2;

use burn::module::Module;
use burn::tensor::{FloatDType, Tensor};
use common::{
    adapted, base, config, examples, fixture, fresh_lora, full, relative_difference, trained_adapter,
    trained_values,
};
use iopo_data::{TokenSequence, TrieBatch};
use iopo_loss::CompletionLogProbs;
use iopo_model::{BackwardOptions, CausalLm, Checkpointing, Parameters, Precision, load_adapter, load_model};
use iopo_train::{
    AdamW, AdamWConfig, Engine, GradientSum, GroupPasses, MicroBatch, Objective, ReferencePolicy, TrainError,
    TrainState, WeightedBatch, check_start, micro_step, sequence_log_probs, train_step,
};

const BETA: f64 = 0.1;

fn objective(more: &[&str]) -> Objective {
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
    let step = micro_step(&policy, Some(&reference), &objective, &whole(batch), &engine()).unwrap();
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

#[test]
fn sft_is_the_mean_negative_log_prob_of_a_completion_token() {
    assert_formula(&["stage=sft"], |rows| -rows[0].mean());
}

#[test]
fn dpo_is_the_logistic_loss_of_the_margin() {
    assert_formula(&["stage=dpo"], |rows| nls(pair_margin(rows)));
    assert_formula(&["stage=dpo", "reference_free=true"], |rows| nls(BETA * (rows[0].sum - rows[1].sum)));
    assert_formula(&["stage=dpo", "dpo_label_smoothing=0.1", "pref_ftx=0.5"], |rows| {
        let margin = pair_margin(rows);
        0.9 * nls(margin) + 0.1 * nls(-margin) - 0.5 * rows[0].mean()
    });
    assert_formula(&["stage=dpo", "pref_loss=hinge"], |rows| (1.0 - pair_margin(rows)).max(0.0));
}

#[test]
fn simpo_compares_means_with_a_target_margin() {
    assert_formula(&["stage=simpo", "pref_beta=2.0", "simpo_gamma=1.2"], |rows| {
        nls(2.0 * (rows[0].mean() - rows[1].mean()) - 1.2)
    });
    assert_formula(&["stage=dpo", "pref_loss=simpo", "pref_ftx=1.0"], |rows| {
        nls(BETA * (rows[0].mean() - rows[1].mean()) - 0.5) - rows[0].mean()
    });
}

#[test]
fn orpo_is_sft_with_an_odds_ratio() {
    assert_formula(&["stage=orpo"], |rows| {
        -rows[0].mean() + BETA * nls(rows[0].log_odds() - rows[1].log_odds())
    });
}

#[test]
fn iopo_is_the_logistic_loss_of_matched_minus_swapped() {
    assert_formula(&["stage=iopo"], |rows| nls(group_margin(rows)));
    assert_formula(&["stage=iopo", "iopo_label_smoothing=0.2", "pref_ftx=0.5"], |rows| {
        let margin = group_margin(rows);
        0.8 * nls(margin) + 0.2 * nls(-margin) - 0.5 * (rows[0].mean() + rows[3].mean())
    });
    assert_formula(&["stage=iopo", "pref_loss=ipo"], |rows| {
        let ratio = |row: Row| row.ratio() / row.tokens;
        let margin = ratio(rows[0]) + ratio(rows[3]) - ratio(rows[1]) - ratio(rows[2]);
        (margin - 0.5 / BETA).powi(2)
    });
}

#[test]
fn iopos_variants_are_those_of_the_paper() {
    let with = |variant: &'static str| ["stage=iopo", variant];
    assert_formula(&with("iopo_variant=simplified"), |rows| {
        nls(BETA * (2.0 * rows[0].ratio() - rows[1].ratio() - rows[2].ratio()))
    });
    assert_formula(&with("iopo_variant=input-only"), |rows| {
        let margins = [(0, 2), (3, 1)].map(|(a, b): (usize, usize)| rows[a].ratio() - rows[b].ratio());
        mean_of(margins.map(|margin| nls(BETA * margin)))
    });
    assert_formula(&with("iopo_variant=output-only"), |rows| {
        let margins = [(0, 1), (3, 2)].map(|(a, b): (usize, usize)| rows[a].ratio() - rows[b].ratio());
        mean_of(margins.map(|margin| nls(BETA * margin)))
    });
}

// --- gradients

fn gradients(
    policy: &CausalLm,
    objective: &Objective,
    batches: &[WeightedBatch],
) -> BTreeMap<String, Vec<f64>> {
    let reference = ReferencePolicy::frozen(base(policy.precision().weights));
    let mut sum = GradientSum::default();
    for batch in batches {
        sum.merge(micro_step(policy, Some(&reference), objective, batch, &engine()).unwrap().gradients);
    }
    sum.iter().map(|g| (g.name.clone(), numbers(g.values.clone()))).collect()
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

#[test]
fn micro_batches_of_any_sizes_give_the_gradient_of_one_batch() {
    // A group's four gradients nearly cancel, which leaves fewer of the digits of f32.
    let stages = [(&["stage=sft"][..], 1e-6), (&["stage=iopo"], 1e-5), (&["iopo_variant=input-only"], 1e-5)];
    for (stage, f32_tolerance) in stages {
        for (dtype, tolerance) in [(FloatDType::F64, 1e-12), (FloatDType::F32, f32_tolerance)] {
            let policy = adapted(dtype).train();
            let (objective, examples) = (objective(stage), examples(stage, 5));
            let whole = gradients(&policy, &objective, &split(&examples, &[5]));
            for sizes in [&[1, 1, 1, 1, 1][..], &[2, 2, 1], &[1, 4]] {
                let parts = gradients(&policy, &objective, &split(&examples, sizes));
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
            micro_step(&policy, Some(&reference), &objective, &whole(batch.clone()), &engine()).unwrap().loss
        };
        let (a, b) = (loss(&shared), loss(&unshared));
        assert!((a - b).abs() < 1e-12 * b, "{stage}: {a} {b}");
        let [a, b] = [shared, unshared].map(|batch| gradients(&policy, &objective, &[whole(batch)]));
        let difference = relative_difference(&a, &b);
        assert!(difference < 1e-11, "{stage}: {difference:e}");
    }
}

/// Gradients of the loss through one tape over everything, which the engine never builds.
fn by_one_tape(policy: &CausalLm, objective: &Objective, batch: &MicroBatch) -> BTreeMap<String, Vec<f64>> {
    let reference = ReferencePolicy::frozen(base(policy.precision().weights));
    let reference = objective.needs_reference().then(|| reference.log_probs(batch).unwrap());
    let tokens = policy.token_log_probs(batch.layout(), batch.predictions()).unwrap();
    let sums = batch.sum_by_sequence(&tokens);
    let counts = sequence_log_probs(policy, batch).unwrap().tokens;
    let loss = objective.loss(CompletionLogProbs::new(sums, counts).unwrap(), reference).unwrap();
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
                let expected = by_one_tape(&policy, &objective, &batch);
                for engine in &engines {
                    let reference = ReferencePolicy::frozen(base(dtype));
                    let weighted = whole(batch.clone());
                    let step = micro_step(&policy, Some(&reference), &objective, &weighted, engine).unwrap();
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
                    micro_step(&policy, Some(&reference), &objective(stage), &whole(batch.clone()), &engine)
                        .unwrap();
                let gradients = step.gradients.iter().map(|g| (g.name.clone(), numbers(g.values.clone())));
                (step.loss, gradients.collect::<BTreeMap<_, _>>())
            })
        };
        let one = on(1);
        let expected = by_one_tape(&policy, &objective(stage), &batch);
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
    let mut sum = GradientSum::default();
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
        micro_step(&policy, Some(&reference), &objective, &weighted, &engine()).unwrap()
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
    let result = micro_step(&policy, Some(&reference), &objective(&[]), &whole(batch), &engine());
    assert!(matches!(result, Err(TrainError::BrokenBatch { sequences: 3, per_example: 4 })));
}

#[test]
fn a_loss_that_needs_a_reference_says_so() {
    let batch = MicroBatch::new(&examples(&[], 1)[0]).unwrap();
    let result = micro_step(&fresh_lora(FloatDType::F32), None, &objective(&[]), &whole(batch), &engine());
    assert!(matches!(result, Err(TrainError::Loss(iopo_loss::LossError::MissingReference))));
}

// --- updates

fn state(policy: CausalLm) -> TrainState {
    TrainState { policy, optimizer: AdamW::new(AdamWConfig::default()), decayed: None }
}

#[test]
fn an_update_lowers_the_loss_and_reports_it_as_it_was_before() {
    let policy = fresh_lora(FloatDType::F32);
    let reference = ReferencePolicy::snapshot(&policy);
    let batches = split(&examples(&[], 3), &[2, 1]);
    let mut state = state(policy);
    let mut step =
        || train_step(&mut state, Some(&reference), &objective(&[]), &batches, 1e-3, 1.0, &engine()).unwrap();
    let first = step();
    assert!((first.loss - LN_2).abs() < 1e-6);
    assert_eq!(first.micro_losses.len(), 2);
    assert_eq!(first.tokens, batches.iter().map(|b| b.batch.num_tokens()).sum::<usize>());
    assert_eq!(first.metrics.get("rewards/margins"), Some(0.0));
    let second = step();
    assert!(second.loss < first.loss);
    assert!(second.metrics.get("rewards/margins").unwrap() > 0.0);
}

/// With a large ε an update is as long as its gradient, which Adam would otherwise hide.
#[test]
fn an_update_is_as_long_as_the_clipped_gradient() {
    let policy = fresh_lora(FloatDType::F64);
    let reference = ReferencePolicy::snapshot(&policy);
    let batches = split(&examples(&[], 1), &[1]);
    let moved = |max_grad_norm: f64| {
        let config = AdamWConfig { epsilon: 1e6, ..AdamWConfig::default() };
        let mut state = TrainState { policy: policy.clone(), optimizer: AdamW::new(config), decayed: None };
        let outcome = train_step(
            &mut state,
            Some(&reference),
            &objective(&[]),
            &batches,
            1.0,
            max_grad_norm,
            &engine(),
        )
        .unwrap();
        let (after, before) = (trained_values(&state.policy), trained_values(&policy));
        let pairs = after.values().flatten().zip(before.values().flatten());
        let length = pairs.map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt() * 1e6;
        (length, outcome.gradient_norm)
    };
    let (length, norm) = moved(0.0);
    assert!((length - norm).abs() < 1e-4 * norm, "{length} {norm}");
    let (length, norm_before_clipping) = moved(norm / 10.0);
    assert!((length - norm / 10.0).abs() < 1e-4 * norm, "{length} {norm}");
    assert_eq!(norm_before_clipping, norm);
}

#[test]
fn a_loss_that_is_not_finite_leaves_the_state_as_it_was() {
    let policy = fresh_lora(FloatDType::F32)
        .update_trainable(|name, values| name.contains("lora_B").then(|| values.full_like(f64::INFINITY)));
    let reference = ReferencePolicy::frozen(base(FloatDType::F32));
    let mut state = state(policy);
    let before = trained_values(&state.policy);
    let batches = split(&examples(&[], 1), &[1]);
    let error = train_step(&mut state, Some(&reference), &objective(&[]), &batches, 1e-3, 1.0, &engine())
        .unwrap_err();
    assert!(matches!(error, TrainError::NotFinite { step: 1, what: "loss", .. }), "{error}");
    assert_eq!(trained_values(&state.policy), before);
    assert_eq!(state.optimizer.steps(), 0);
}

#[test]
fn an_update_without_batches_is_refused() {
    let result =
        train_step(&mut state(fresh_lora(FloatDType::F32)), None, &objective(&[]), &[], 1e-3, 1.0, &engine());
    assert!(matches!(result, Err(TrainError::BrokenBatch { sequences: 0, .. })));
}

// --- start

fn start(policy: &CausalLm, reference: &ReferencePolicy, more: &[&str]) -> Result<(), TrainError> {
    let batch = MicroBatch::new(&examples(more, 2).concat()).unwrap();
    check_start(policy, reference, &objective(more), &batch)
}

#[test]
fn fresh_adapters_sft_adapters_and_full_models_start_at_their_own_reference() {
    let policies = [
        fresh_lora(FloatDType::F32),
        adapted(FloatDType::F32).train(),
        full(FloatDType::F32),
        load_adapter(
            load_model(
                &common::tiny(),
                Precision { weights: FloatDType::BF16, ..Precision::default() },
                &burn::tensor::Device::flex(),
            )
            .unwrap(),
            &trained_adapter(),
        )
        .unwrap()
        .train(),
    ];
    for policy in policies {
        let reference = ReferencePolicy::snapshot(&policy);
        for more in [
            &["stage=iopo"][..],
            &["stage=dpo"],
            &["stage=dpo", "pref_loss=ipo"],
            &["stage=iopo", "pref_ftx=1"],
        ] {
            start(&policy, &reference, more).unwrap();
        }
        let batch = whole(MicroBatch::new(&examples(&[], 2).concat()).unwrap());
        let step = micro_step(&policy, Some(&reference), &objective(&[]), &batch, &engine()).unwrap();
        assert!((step.loss - LN_2).abs() < 1e-6, "{}", step.loss);
        assert_eq!(step.metrics.get("rewards/accuracies"), Some(0.0));
    }
}

#[test]
fn a_snapshot_stays_behind_when_the_policy_moves_on() {
    let policy = fresh_lora(FloatDType::F32);
    let reference = ReferencePolicy::snapshot(&policy);
    let mut state = state(policy);
    let batches = split(&examples(&[], 1), &[1]);
    train_step(&mut state, Some(&reference), &objective(&[]), &batches, 1e-2, 1.0, &engine()).unwrap();
    assert!(matches!(start(&state.policy, &reference, &[]), Err(TrainError::BrokenStart { .. })));
}

#[test]
fn a_reference_that_is_not_the_start_is_refused() {
    let other =
        load_model(&fixture("models/qwen2-tiny-tied"), Precision::default(), &burn::tensor::Device::flex())
            .unwrap();
    // The wrong reference of an SFT adapter is the model under it.
    for reference in [base(FloatDType::F32), other] {
        let policy = adapted(FloatDType::F32).train();
        let error = start(&policy, &ReferencePolicy::frozen(reference), &[]).unwrap_err();
        assert!(matches!(error, TrainError::BrokenStart { .. }), "{error}");
    }
}
