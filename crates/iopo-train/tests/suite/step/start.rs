//! Start.

use std::f64::consts::LN_2;

use burn::module::Module;
use burn::tensor::FloatDType;
use iopo_model::{CausalLm, Precision, load_adapter, load_model};
use iopo_train::{MicroBatch, ReferencePolicy, TrainError, check_start, micro_step, train_step};

use super::{engine, objective, split, state, whole};
use crate::common;
use crate::common::{adapted, base, examples, fixture, fresh_lora, full, trained_adapter};

fn start(policy: &CausalLm, reference: &ReferencePolicy, more: &[&str]) -> Result<(), TrainError> {
    let batch = MicroBatch::new(&examples(more, 2).concat()).unwrap();
    check_start(policy, reference, &*objective(more), &batch)
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
        let step = micro_step(&policy, Some(&reference), &*objective(&[]), &batch, &engine()).unwrap();
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
    train_step(&mut state, Some(&reference), &*objective(&[]), &batches, 1e-2, 1.0, &engine()).unwrap();
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
