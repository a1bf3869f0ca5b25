//! Each step by hand, and the whole by counting.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use super::*;

fn prompt(tokens: &[u32], stream: u64) -> Prompt {
    Prompt { tokens: tokens.to_vec(), stream }
}

fn sampling() -> GenerationConfig {
    GenerationConfig { do_sample: true, top_k: 0, ..GenerationConfig::default() }
}

/// How often each token is sampled, in `samples` first tokens of one stream.
fn counts(config: &GenerationConfig, scores: &[f64], samples: usize) -> Vec<usize> {
    let mut counts = vec![0; scores.len()];
    let mut sampler = Sampler::new(config, &prompt(&[], 0));
    for _ in 0..samples {
        counts[sampler.choose(&mut scores.to_vec()).unwrap() as usize] += 1;
    }
    counts
}

/// Which tokens can be sampled.
fn sampled(config: &GenerationConfig, scores: &[f64]) -> Vec<u32> {
    let counts = counts(config, scores, 2_000);
    (0..).zip(counts).filter(|&(_, count)| count > 0).map(|(token, _)| token).collect()
}

/// Scores whose exponentials are these weights.
fn logs(weights: &[f64]) -> Vec<f64> {
    weights.iter().map(|weight| weight.ln()).collect()
}

#[test]
fn greedy_takes_the_highest_score_and_of_equal_ones_the_lowest_token() {
    let config = GenerationConfig::default();
    let choose = |scores: &[f64]| Sampler::new(&config, &prompt(&[], 0)).choose(&mut scores.to_vec());
    assert_eq!(choose(&[0.5, 2.0, -1.0, 2.0]), Some(1));
    assert_eq!(choose(&[-3.0, -3.0]), Some(0));
}

#[test]
fn a_temperature_of_zero_is_greedy_and_a_small_one_close_to_it() {
    let scores = [0.1, 1e4, 0.3, 1e4 - 1e-3];
    for temperature in [0.0, 1e-300, 1e-5] {
        assert_eq!(sampled(&GenerationConfig { temperature, ..sampling() }, &scores), [1], "{temperature}");
    }
}

#[test]
fn top_k_keeps_the_k_highest_and_those_equal_to_the_last() {
    let scores = [0.0, 3.0, 1.0, 2.0, 1.0];
    let top_k = |top_k| sampled(&GenerationConfig { top_k, ..sampling() }, &scores);
    assert_eq!(top_k(1), [1]);
    assert_eq!(top_k(2), [1, 3]);
    assert_eq!(top_k(3), [1, 2, 3, 4]);
    assert_eq!(top_k(4), [1, 2, 3, 4]);
    assert_eq!(top_k(5), [0, 1, 2, 3, 4]);
    assert_eq!(top_k(0), [0, 1, 2, 3, 4]);
    assert_eq!(top_k(99), [0, 1, 2, 3, 4]);
}

/// The probabilities are 1/16, 8/16, 4/16, 2/16 and 1/16: sums of them are exact.
#[test]
fn top_p_keeps_the_fewest_tokens_that_have_the_mass() {
    let kept = |mass: f64| {
        let mut candidates = vec![(1.0, 0), (8.0, 1), (4.0, 2), (2.0, 3), (1.0, 4)];
        keep_mass(&mut candidates, mass);
        candidates.into_iter().map(|(_, token)| token).collect::<Vec<u32>>()
    };
    assert_eq!(kept(0.0), [1]);
    assert_eq!(kept(0.5), [1]);
    assert_eq!(kept(0.5001), [1, 2]);
    assert_eq!(kept(0.75), [1, 2]);
    assert_eq!(kept(0.8), [1, 2, 3]);
    // Of the two with 1/16 the lower token comes first.
    assert_eq!(kept(0.9), [0, 1, 2, 3]);
    assert_eq!(kept(1.0), [0, 1, 2, 3, 4]);
}

#[test]
fn top_p_keeps_the_same_however_many_tokens_there_are() {
    let mut rng = ChaCha8Rng::seed_from_u64(4);
    for size in [1, 63, 64, 65, 400, 2_000] {
        let candidates: Vec<Candidate> = (0..size).map(|token| (rng.random::<f64>(), token)).collect();
        for mass in [0.0, 0.3, 0.7, 0.95, 0.9999] {
            let mut sorted = candidates.clone();
            sorted.sort_by(|a, b| b.0.total_cmp(&a.0));
            let total: f64 = sorted.iter().map(|(weight, _)| weight).sum();
            let mut before = 0.0;
            sorted.retain(|(weight, _)| {
                let keep = before < mass * total;
                before += weight;
                keep
            });
            let mut kept = candidates.clone();
            keep_mass(&mut kept, mass);
            assert!(kept.is_sorted_by_key(|&(_, token)| token) && kept.len() == sorted.len().max(1));
            assert!(sorted.iter().all(|candidate| kept.contains(candidate)), "{mass} of {size}");
        }
    }
}

/// With top_k first the mass is of what it keeps: 8/12 and 4/12, so that 0.7 keeps both.
#[test]
fn top_k_comes_before_top_p_and_temperature_before_both() {
    let scores = logs(&[1.0, 8.0, 4.0, 2.0, 1.0]);
    let config = GenerationConfig { top_k: 2, top_p: 0.7, ..sampling() };
    assert_eq!(sampled(&config, &scores), [1, 2]);
    assert_eq!(sampled(&GenerationConfig { top_p: 0.66, ..config.clone() }, &scores), [1]);
    // At a temperature of 1/2 weights are squared: 64/80 and 16/80.
    let colder = GenerationConfig { temperature: 0.5, ..config };
    assert_eq!(sampled(&colder, &scores), [1]);
    assert_eq!(sampled(&GenerationConfig { top_p: 0.81, ..colder }, &scores), [1, 2]);
}

#[test]
fn the_penalty_is_for_tokens_of_the_prompt_and_for_those_chosen() {
    let config = GenerationConfig { repetition_penalty: 2.0, ..GenerationConfig::default() };
    let mut sampler = Sampler::new(&config, &prompt(&[2, 0, 2], 0));
    let mut scores = [4.0, 1.5, -1.0, -1.5];
    assert_eq!(sampler.choose(&mut scores), Some(0));
    // 4 / 2, untouched, -1 · 2 once although the token is there twice, untouched.
    assert_eq!(scores, [2.0, 1.5, -2.0, -1.5]);
    // Tokens 0, 2 and then 1 have been there.
    assert_eq!(sampler.choose(&mut [2.9, 1.5, 0.0, 0.0]), Some(1));
    assert_eq!(sampler.choose(&mut [0.0, 1.5, 0.0, 1.0]), Some(3));
    assert_eq!(sampler.choose(&mut [-0.1, -0.1, -0.1, -0.19]), Some(0));
}

/// Pearson's statistic with 4 degrees of freedom is above 18.5 for one seed in a thousand.
#[test]
fn tokens_are_sampled_with_their_probabilities() {
    const SAMPLES: usize = 50_000;
    let weights = [5.0, 1.0, 3.0, 0.5, 0.5];
    for (temperature, power) in [(1.0, 1.0), (2.0, 0.5), (0.5, 2.0)] {
        for top_p in [1.0, 0.999_999] {
            let config = GenerationConfig { temperature, top_p, seed: 11, ..sampling() };
            let expected = weights.map(|weight: f64| weight.powf(power));
            let total: f64 = expected.iter().sum();
            let statistic: f64 = counts(&config, &logs(&weights), SAMPLES)
                .iter()
                .zip(expected)
                .map(|(&count, weight)| (count as f64, weight / total * SAMPLES as f64))
                .map(|(count, expected)| (count - expected).powi(2) / expected)
                .sum();
            assert!(statistic < 18.5, "temperature {temperature}, top_p {top_p}: {statistic}");
        }
    }
}

#[test]
fn streams_repeat_themselves_and_differ_from_one_another() {
    let scores = vec![0.0; 50];
    let draw = |seed, stream| {
        let config = GenerationConfig { seed, ..sampling() };
        let mut sampler = Sampler::new(&config, &prompt(&[], stream));
        (0..20).map(|_| sampler.choose(&mut scores.clone()).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(draw(1, 3), draw(1, 3));
    assert_ne!(draw(1, 3), draw(1, 4));
    assert_ne!(draw(1, 3), draw(2, 3));
}

#[test]
fn scores_that_are_no_numbers_give_no_token() {
    for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        for config in [sampling(), GenerationConfig::default()] {
            assert_eq!(Sampler::new(&config, &prompt(&[], 0)).choose(&mut [0.0, bad, 1.0]), None);
        }
    }
}
