//! Generation by tensor operations: a program of its own, because kernels are switched off for a whole process.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "suite/common.rs"]
mod common;

use burn::tensor::FloatDType;
use common::{fixture, load};
use iopo_model::{GenerationConfig, kernels};

#[test]
fn kernels_change_no_token() {
    let prompts: Vec<Vec<u32>> =
        (1..40).map(|n| (0..n).map(|i| (i * i * 37 + n) % 1_000).collect()).collect();
    let greedy = GenerationConfig { max_new_tokens: 20, ..GenerationConfig::default() };
    let sampled = GenerationConfig { do_sample: true, top_p: 0.9, ..greedy.clone() };
    for name in ["qwen2-tiny", "qwen2-tiny-tied", "llama3-tiny"] {
        let model = load(&fixture(name), FloatDType::F64);
        for config in [&greedy, &sampled] {
            let [with, without] = [true, false].map(|enabled| {
                kernels::set_enabled(enabled);
                model.generate(&prompts, config, |_| false).unwrap()
            });
            assert_eq!(with, without, "{name}, {config:?}");
        }
    }
}

/// A float type that has no kernels; the first token's scores are those of a whole pass.
#[test]
fn short_floats_are_generated_with_too() {
    let model = load(&fixture("qwen2-tiny"), FloatDType::BF16);
    let config = GenerationConfig { max_new_tokens: 8, ..GenerationConfig::default() };
    let generated = model.generate(&[vec![17, 905, 3], vec![4]], &config, |_| false).unwrap();
    assert!(generated.iter().all(|generated| generated.tokens.len() == 8));
    let all = common::logits(&model, &[17, 905, 3]);
    let last = &all[all.len() - model.config().vocab_size..];
    let best = last.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    assert_eq!(last.iter().position(|&score| score == best).unwrap() as u32, generated[0].tokens[0]);
}
