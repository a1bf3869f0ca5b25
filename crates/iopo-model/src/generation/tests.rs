//! Cached steps against whole forward passes.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use burn::tensor::{Device, FloatDType};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::kv_cache::KvCache;
use super::lane::Lane;
use super::{GenerationConfig, Prompt, lanes};
use crate::causal_lm::CausalLm;
use crate::kernels::tensors::TensorKeyValues;
use crate::layout::{SegmentSpan, TokenLayout};
use crate::{Precision, load_adapter, load_model};

fn fixture(name: &str, dtype: FloatDType) -> CausalLm {
    let fixtures = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures"));
    let load =
        |name| load_model(&fixtures.join("models").join(name), Precision::uniform(dtype), &Device::flex());
    match name.strip_suffix(" with an adapter") {
        None => load(name).unwrap(),
        Some(name) => {
            load_adapter(load(name).unwrap(), &fixtures.join("golden/train_lora/adapter_final")).unwrap()
        }
    }
}

fn layout(sequences: &[Vec<u32>]) -> TokenLayout {
    let (mut tokens, mut positions, mut segments) = (Vec::new(), Vec::new(), Vec::new());
    for sequence in sequences {
        segments.push(SegmentSpan { range: tokens.len()..tokens.len() + sequence.len(), parent: None });
        tokens.extend_from_slice(sequence);
        positions.extend(0..sequence.len() as u32);
    }
    TokenLayout::new(tokens, positions, segments).unwrap()
}

/// Scores of the token after each sequence, each computed alone and without a cache.
fn without_cache(model: &CausalLm, sequences: &[Vec<u32>]) -> Vec<f64> {
    let of = |sequence: &Vec<u32>| -> Vec<f64> {
        let hidden = model.hidden_states(&TokenLayout::sequence(sequence.clone(), 0).unwrap()).unwrap();
        model.logits(hidden.narrow(0, sequence.len() - 1, 1)).into_data().try_into_vec_as().unwrap()
    };
    sequences.iter().flat_map(of).collect()
}

fn compare(
    what: &str,
    model: &CausalLm,
    rows: &burn::tensor::Tensor<2>,
    sequences: &[Vec<u32>],
    within: f64,
) {
    let mut cached = Vec::new();
    model
        .each_scores(rows, |_, scores| {
            cached.extend_from_slice(scores);
            Ok(())
        })
        .unwrap();
    let expected = without_cache(model, sequences);
    let size = expected.iter().fold(0.0f64, |size, value| size.max(value.abs()));
    let error = cached.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max) / size;
    assert!(cached.len() == expected.len() && error < within, "{what}: {error:e}");
}

/// Sequences come at different times with different lengths, grow beyond the first capacity, and
/// one of them ends while the others go on.
fn cached_scores_are_those_of_whole_passes(name: &str, dtype: FloatDType, by_tensors: bool, within: f64) {
    let model = fixture(name, dtype);
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let mut random =
        |length: usize| -> Vec<u32> { (0..length).map(|_| rng.random_range(0..1_000)).collect() };
    let mut cache = KvCache::new(&model);
    if by_tensors {
        for (cached, layer) in cache.layers.iter_mut().zip(&model.model.layers) {
            *cached = Box::new(TensorKeyValues::new(layer.self_attn.heads()));
        }
    }
    let what = format!("{name}, {dtype:?}, by tensors {by_tensors}");
    let mut sequences = vec![random(31), random(1), random(70)];
    let rows = model.prefill(&layout(&sequences), &mut cache).unwrap();
    compare(&format!("{what}, prompts"), &model, &rows, &sequences, within);
    for step in 0..12 {
        if step == 4 {
            let later = vec![random(5), random(40)];
            let rows = model.prefill(&layout(&later), &mut cache).unwrap();
            compare(&format!("{what}, later prompts"), &model, &rows, &later, within);
            sequences.extend(later);
        }
        if step == 7 {
            cache.retain(&[true, false, true, true, true]);
            sequences.remove(1);
        }
        let tokens = random(sequences.len());
        let positions: Vec<u32> = sequences.iter().map(|sequence| sequence.len() as u32).collect();
        let rows = model.step(&tokens, &positions, &mut cache).unwrap();
        sequences.iter_mut().zip(tokens).for_each(|(sequence, token)| sequence.push(token));
        compare(&format!("{what}, step {step}"), &model, &rows, &sequences, within);
    }
}

#[test]
fn cached_scores_are_those_of_whole_passes_with_kernels_and_by_tensors() {
    for name in ["qwen2-tiny", "qwen2-tiny-tied", "llama3-tiny", "qwen2-tiny with an adapter"] {
        for by_tensors in [false, true] {
            cached_scores_are_those_of_whole_passes(name, FloatDType::F32, by_tensors, 1e-5);
            cached_scores_are_those_of_whole_passes(name, FloatDType::F64, by_tensors, 1e-12);
        }
    }
}

/// Ten tokens of prompt and at most twenty new ones: five sequences are 150.
#[test]
fn as_many_sequences_are_in_flight_as_the_cache_may_hold() {
    let model = fixture("qwen2-tiny", FloatDType::F32);
    let prompt =
        |n: u32| Prompt { tokens: (0..10).map(|i| (n * 31 + i * 7) % 1_000).collect(), stream: n.into() };
    let prompts: Vec<Prompt> = (0..200).map(prompt).collect();
    let config = GenerationConfig { max_new_tokens: 20, ..GenerationConfig::default() };
    let never = |_: &[u32]| false;
    let done = RefCell::new(BTreeMap::new());
    let each = |prompt, generated| {
        done.borrow_mut().insert(prompt, generated);
        ControlFlow::Continue(())
    };
    let lane = |most_cached| {
        let mut lane = Lane::new(&model, &prompts, &config, &never, &each);
        lane.most_cached = most_cached;
        lane
    };
    let ended = |most_cached| {
        lane(most_cached).run(0..20).unwrap();
        done.take()
    };
    let without_limit = ended(usize::MAX);
    assert_eq!(without_limit.len(), 20);
    for (most_cached, in_flight) in [(0, 1), (30, 1), (149, 4), (150, 5), (usize::MAX, 128)] {
        let mut lane = lane(most_cached);
        assert_eq!(lane.admit(0..200).unwrap(), in_flight);
        assert_eq!(lane.running.len(), in_flight);
        assert_eq!(ended(most_cached), without_limit, "{most_cached}");
    }
}

#[test]
fn lanes_cover_all_prompts_once_and_in_order() {
    for prompts in [0, 1, 31, 32, 33, 255, 256, 1_000, 2_000, 5_000] {
        let lanes = lanes(prompts);
        assert_eq!(lanes.iter().flat_map(Clone::clone).collect::<Vec<_>>(), (0..prompts).collect::<Vec<_>>());
        assert!(lanes.iter().all(|lane| lane.len() <= 256), "{prompts}");
    }
}
