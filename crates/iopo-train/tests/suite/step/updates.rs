//! Updates.

use std::f64::consts::LN_2;

use burn::tensor::FloatDType;
use iopo_model::Parameters;
use iopo_train::{AdamW, AdamWConfig, ReferencePolicy, TrainError, TrainState, train_step};

use super::{engine, objective, split, state};
use crate::common::{base, examples, fresh_lora, trained_values};

#[test]
fn an_update_lowers_the_loss_and_reports_it_as_it_was_before() {
    let policy = fresh_lora(FloatDType::F32);
    let reference = ReferencePolicy::snapshot(&policy);
    let batches = split(&examples(&[], 3), &[2, 1]);
    let mut state = state(policy);
    let mut step = || {
        train_step(&mut state, Some(&reference), &*objective(&[]), &batches, 1e-3, 1.0, &engine()).unwrap()
    };
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
            &*objective(&[]),
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
    let error = train_step(&mut state, Some(&reference), &*objective(&[]), &batches, 1e-3, 1.0, &engine())
        .unwrap_err();
    assert!(matches!(error, TrainError::NotFinite { step: 1, what: "loss", .. }), "{error}");
    assert_eq!(trained_values(&state.policy), before);
    assert_eq!(state.optimizer.steps(), 0);
}

#[test]
fn an_update_without_batches_is_refused() {
    let result = train_step(
        &mut state(fresh_lora(FloatDType::F32)),
        None,
        &*objective(&[]),
        &[],
        1e-3,
        1.0,
        &engine(),
    );
    assert!(matches!(result, Err(TrainError::BrokenBatch { sequences: 0, .. })));
}
