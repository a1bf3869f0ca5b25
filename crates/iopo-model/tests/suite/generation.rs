//! Generation against decoding without a cache, and the laws of batches, threads and ends.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Mutex;

use crate::common::{
    Family, fixture, load, logits, other_layers, peft_fixture, random_folder, random_model, with_random_b,
};
use burn::tensor::FloatDType;
use iopo_model::{
    CausalLm, FinishReason, GenerateError, Generated, GenerationConfig, LoraConfig, Prompt, load_adapter,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn prompts(seed: u64, number: usize, vocab: u32) -> Vec<Vec<u32>> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut prompt = || (0..rng.random_range(1..60)).map(|_| rng.random_range(0..vocab)).collect();
    (0..number).map(|_| prompt()).collect()
}

fn greedy(max_new_tokens: usize) -> GenerationConfig {
    GenerationConfig { max_new_tokens, ..GenerationConfig::default() }
}

fn sampled(max_new_tokens: usize) -> GenerationConfig {
    GenerationConfig {
        max_new_tokens,
        do_sample: true,
        temperature: 0.8,
        top_k: 40,
        top_p: 0.9,
        repetition_penalty: 1.2,
        seed: 3,
        ..GenerationConfig::default()
    }
}

fn generate(model: &CausalLm, prompts: &[Vec<u32>], config: &GenerationConfig) -> Vec<Generated> {
    model.generate(prompts, config, |_| false).unwrap()
}

/// The same by a whole forward pass for every token, and by sorting all tokens.
fn without_cache(model: &CausalLm, prompt: &[u32], index: u64, config: &GenerationConfig) -> Vec<u32> {
    let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
    rng.set_stream(index);
    let mut sequence = prompt.to_vec();
    for _ in 0..config.max_new_tokens {
        let all = logits(model, &sequence);
        let mut scores = all[all.len() - model.config().vocab_size..].to_vec();
        for (token, score) in scores.iter_mut().enumerate() {
            if sequence.contains(&(token as u32)) {
                let penalty = config.repetition_penalty;
                *score = if *score < 0.0 { *score * penalty } else { *score / penalty };
            }
        }
        let mut order: Vec<usize> = (0..scores.len()).collect();
        order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
        if !config.do_sample {
            sequence.push(order[0] as u32);
            continue;
        }
        let best = scores[order[0]];
        let weight = |token: usize| ((scores[token] - best) / config.temperature).exp();
        let top: Vec<usize> = order.into_iter().take(config.top_k).collect();
        let total: f64 = top.iter().map(|&token| weight(token)).sum();
        let mut mass = 0.0;
        let mut kept = Vec::new();
        for token in top {
            if mass < config.top_p * total {
                kept.push(token);
            }
            mass += weight(token);
        }
        kept.sort_unstable();
        let number = rng.random::<f64>() * kept.iter().map(|&token| weight(token)).sum::<f64>();
        let mut sum = 0.0;
        let sampled = kept.iter().find(|&&token| {
            sum += weight(token);
            number < sum
        });
        sequence.push(*sampled.unwrap() as u32);
    }
    sequence.split_off(prompt.len())
}

fn equals_decoding_without_cache(what: &str, model: &CausalLm, configs: &[GenerationConfig]) {
    let prompts = prompts(1, 5, model.config().vocab_size.min(1_000) as u32);
    for config in configs {
        let generated = generate(model, &prompts, config);
        for (index, (prompt, generated)) in prompts.iter().zip(&generated).enumerate() {
            assert_eq!(generated.finish, FinishReason::Length);
            let expected = without_cache(model, prompt, index as u64, config);
            assert_eq!(generated.tokens, expected, "{what}, prompt {index}, {config:?}");
        }
    }
}

/// Sampling in f64 alone: the fixtures' scores lie so close together that f32's rounding decides
/// now and then which is the last that top-p keeps.
#[test]
fn generation_equals_decoding_without_a_cache() {
    for (dtype, configs) in
        [(FloatDType::F32, vec![greedy(12)]), (FloatDType::F64, vec![greedy(12), sampled(12)])]
    {
        for name in ["qwen2-tiny", "qwen2-tiny-tied", "llama3-tiny"] {
            let model = load(&fixture(name), dtype);
            equals_decoding_without_cache(name, &model, &configs);
            let adapted = with_random_b(model.attach_lora(&LoraConfig::default(), 1).unwrap(), 2);
            equals_decoding_without_cache(&format!("{name}, adapter, on autodiff"), &adapted, &configs);
        }
        let adapted = load_adapter(load(&fixture("qwen2-tiny"), dtype), &peft_fixture()).unwrap();
        equals_decoding_without_cache("qwen2-tiny with PEFT's adapter", &adapted, &configs);
    }
}

#[test]
fn generation_of_other_layers_equals_decoding_without_a_cache() {
    for (what, config) in other_layers() {
        let model = random_model(&config, 24, FloatDType::F64);
        equals_decoding_without_cache(what, &model, &[greedy(12), sampled(12)]);
    }
}

/// To the token for models whose scores are close to one another, with all that a batch can differ in.
#[test]
fn a_continuation_depends_on_its_own_prompt_alone() {
    for family in [Family::Qwen2 { tied: true }, Family::LlamaBiased] {
        let model = load(random_folder(family, 4).path(), FloatDType::F32);
        let prompts = prompts(2, 150, 13);
        for config in [greedy(40), GenerationConfig { eos_token_ids: vec![5], ..sampled(40) }] {
            let all = generate(&model, &prompts, &config);
            for size in [1, 7] {
                for (start, part) in prompts.chunks(size).enumerate().map(|(i, part)| (i * size, part)) {
                    let prompt =
                        |(tokens, stream): (&Vec<u32>, u64)| Prompt { tokens: tokens.clone(), stream };
                    let part: Vec<Prompt> = part.iter().zip(start as u64..).map(prompt).collect();
                    let (ended, found) = handed_out(&model, &part, &config, usize::MAX);
                    assert_eq!(ended, Ok(()));
                    let expected = all[start..].iter().take(part.len()).cloned().enumerate().collect();
                    assert_eq!(found, expected, "{start}");
                }
            }
        }
    }
}

/// What is handed out of a call that is ended with the `most`-th continuation.
fn handed_out(
    model: &CausalLm,
    prompts: &[Prompt],
    config: &GenerationConfig,
    most: usize,
) -> (Result<(), GenerateError>, BTreeMap<usize, Generated>) {
    let found = Mutex::new(BTreeMap::new());
    let ended = model.generate_each(
        prompts,
        config,
        |_| false,
        |prompt, generated| {
            let mut found = found.lock().unwrap();
            assert!(found.insert(prompt, generated).is_none(), "{prompt} twice");
            if found.len() < most { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        },
    );
    (ended, found.into_inner().unwrap())
}

#[test]
fn a_call_can_be_ended_and_what_was_handed_out_is_right() {
    let model = load(&fixture("qwen2-tiny"), FloatDType::F32);
    let prompts = prompts(3, 100, 1_000);
    let all = generate(&model, &prompts, &sampled(10));
    let prompt = |(tokens, stream): (&Vec<u32>, u64)| Prompt { tokens: tokens.clone(), stream };
    let prompts: Vec<Prompt> = prompts.iter().zip(0..).map(prompt).collect();
    let (ended, found) = handed_out(&model, &prompts, &sampled(10), 5);
    assert_eq!(ended, Ok(()));
    assert!((5..100).contains(&found.len()), "{}", found.len());
    assert!(found.iter().all(|(&prompt, generated)| *generated == all[prompt]));
}

#[cfg(feature = "flex")]
#[test]
fn the_number_of_threads_changes_no_token() {
    let model = load(&fixture("qwen2-tiny"), FloatDType::F32);
    let prompts = prompts(3, 100, 1_000);
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| generate(&model, &prompts, &sampled(10)))
    };
    let one = on(1);
    assert_eq!(on(2), one);
    assert_eq!(on(3), one);
}

/// Ends at different times leave gaps in the batch, which later prompts fill.
#[test]
fn every_sequence_ends_where_it_should() {
    let model = load(&fixture("llama3-tiny"), FloatDType::F32);
    let prompts = prompts(4, 300, 1_000);
    let free = generate(&model, &prompts, &sampled(20));
    let eos_token_ids = vec![free[0].tokens[3], free[1].tokens[7], free[2].tokens[0], free[9].tokens[5]];
    let config = GenerationConfig { eos_token_ids: eos_token_ids.clone(), ..sampled(20) };
    let halt = |tokens: &[u32]| tokens.len() >= 2 && tokens[tokens.len() - 1].is_multiple_of(25);
    let ended = model.generate(&prompts, &config, halt).unwrap();
    let mut seen = BTreeMap::<String, usize>::new();
    for (free, ended) in free.iter().zip(&ended) {
        let end = free.tokens.iter().position(|token| eos_token_ids.contains(token));
        let stop = (1..=20).find(|&length| halt(&free.tokens[..length]));
        let expected = match (end, stop) {
            (Some(end), stop) if stop.is_none_or(|stop| end < stop) => {
                (&free.tokens[..end], FinishReason::Eos)
            }
            (_, Some(stop)) => (&free.tokens[..stop], FinishReason::Stop),
            _ => (&free.tokens[..], FinishReason::Length),
        };
        assert_eq!((&ended.tokens[..], ended.finish), expected);
        *seen.entry(format!("{:?}", ended.finish)).or_default() += 1;
    }
    assert_eq!(seen.len(), 3, "{seen:?}");
}

#[test]
fn no_prompts_give_nothing() {
    let model = load(&fixture("qwen2-tiny"), FloatDType::F32);
    assert_eq!(generate(&model, &[], &greedy(5)), []);
}

#[test]
fn what_cannot_be_continued_is_named() {
    let model = load(&fixture("qwen2-tiny"), FloatDType::F32);
    let error = |prompts: &[Vec<u32>], config: &GenerationConfig| {
        model.generate(prompts, config, |_| false).unwrap_err()
    };
    let empty = error(&[vec![1], vec![]], &greedy(5));
    assert!(matches!(empty, GenerateError::Prompt { prompt: 1, .. }), "{empty:?}");
    let outside = error(&[vec![1, 1_024]], &greedy(5));
    assert!(matches!(outside, GenerateError::Prompt { prompt: 0, .. }), "{outside:?}");
    let too_long = error(&[vec![1]], &greedy(usize::MAX));
    assert!(matches!(too_long, GenerateError::Prompt { prompt: 0, .. }), "{too_long:?}");
    let bad = GenerationConfig {
        max_new_tokens: 0,
        temperature: -1.0,
        top_p: 1.5,
        repetition_penalty: f64::INFINITY,
        ..greedy(1)
    };
    let problems = match error(&[], &bad) {
        GenerateError::Settings { problems } => problems,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        problems,
        [
            "max_new_tokens is 0, must be at least 1",
            "temperature is -1, must be a number of at least 0",
            "top_p is 1.5, must be from 0 to 1",
            "repetition_penalty is inf, must be a positive number",
        ]
    );
}

#[test]
fn logits_that_are_no_numbers_stop_generation() {
    let model = load(&fixture("qwen2-tiny"), FloatDType::F32).set_norm_to_infinity();
    let error = model.generate(&[vec![1, 2]], &greedy(5), |_| false).unwrap_err();
    assert_eq!(error, GenerateError::NotFinite { prompt: 0, new_tokens: 0 });
}

trait Broken {
    fn set_norm_to_infinity(self) -> Self;
}

impl Broken for CausalLm {
    fn set_norm_to_infinity(mut self) -> Self {
        self.model.norm.weight = self.model.norm.weight.map(|weight| weight * f64::INFINITY);
        self
    }
}
