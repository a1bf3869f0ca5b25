//! From the scores of all tokens to the next one.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::Prompt;
use super::config::GenerationConfig;

/// Chooses the tokens of one sequence.
pub(crate) struct Sampler<'a> {
    config: &'a GenerationConfig,
    rng: ChaCha8Rng,
    /// Tokens of the prompt and those chosen, sorted and without repetition; empty where nothing is penalised.
    seen: Vec<u32>,
}

/// A token that can be sampled, with its score and later with its weight.
type Candidate = (f64, u32);

impl<'a> Sampler<'a> {
    /// For the continuation of a prompt.
    pub(crate) fn new(config: &'a GenerationConfig, prompt: &Prompt) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
        rng.set_stream(prompt.stream);
        let mut seen = Vec::new();
        if config.repetition_penalty != 1.0 {
            seen.extend_from_slice(&prompt.tokens);
            seen.sort_unstable();
            seen.dedup();
        }
        Self { config, rng, seen }
    }

    /// The next token, or none where a score is not finite; changes the scores.
    ///
    /// # Shapes
    /// - `scores`: `[vocab]`
    pub(crate) fn choose(&mut self, scores: &mut [f64]) -> Option<u32> {
        if !scores.iter().all(|score| score.is_finite()) {
            return None;
        }
        self.penalise(scores);
        let (best, token) = highest(scores)?;
        let token = if self.config.is_greedy() { token } else { self.sample(scores, best) };
        if self.config.repetition_penalty != 1.0
            && let Err(place) = self.seen.binary_search(&token)
        {
            self.seen.insert(place, token);
        }
        Some(token)
    }

    /// Scores of tokens in the prompt or the answer: divided where positive, multiplied where negative.
    fn penalise(&self, scores: &mut [f64]) {
        let penalty = self.config.repetition_penalty;
        for &token in &self.seen {
            let score = &mut scores[token as usize];
            *score = if *score < 0.0 { *score * penalty } else { *score / penalty };
        }
    }

    fn sample(&mut self, scores: &[f64], best: f64) -> u32 {
        let mut kept = self.top_k(scores);
        for (value, _) in &mut kept {
            // The difference comes first: a score over a small temperature can be too large.
            *value = ((*value - best) / self.config.temperature).exp();
        }
        if self.config.top_p < 1.0 {
            keep_mass(&mut kept, self.config.top_p);
        }
        let total = sum(&kept);
        let mut left = self.rng.random::<f64>() * total;
        let mut chosen = 0;
        for &(weight, token) in kept.iter().filter(|(weight, _)| *weight > 0.0) {
            chosen = token;
            left -= weight;
            if left < 0.0 {
                break;
            }
        }
        // Where rounding leaves a rest, it belongs to the last token that can be sampled.
        chosen
    }

    /// The tokens whose scores are at least the k-th highest, by id.
    fn top_k(&self, scores: &[f64]) -> Vec<Candidate> {
        let all = scores.iter().copied().zip(0..);
        let k = self.config.top_k;
        if k == 0 || k >= scores.len() {
            return all.collect();
        }
        let mut sorted = scores.to_vec();
        let (_, &mut last, _) = sorted.select_nth_unstable_by(k - 1, |a, b| b.total_cmp(a));
        all.filter(|&(score, _)| score >= last).collect()
    }
}

fn sum(candidates: &[Candidate]) -> f64 {
    candidates.iter().map(|(weight, _)| weight).sum()
}

/// The highest score and the lowest token that has it.
fn highest(scores: &[f64]) -> Option<Candidate> {
    scores.iter().copied().zip(0..).reduce(|best, next| if next.0 > best.0 { next } else { best })
}

/// Keeps the fewest highest weights whose sum is at least the share `mass` of all, and at least one,
/// and puts them in the order of their tokens.
fn keep_mass(candidates: &mut Vec<Candidate>, mass: f64) {
    /// Candidates that are put in order at first: mostly few are kept, and the order of the others
    /// does not matter.
    const SORTED: usize = 64;
    let order = |a: &Candidate, b: &Candidate| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
    let enough = mass * sum(candidates);
    let (mut kept, mut sorted, mut size) = (0.0, 0, SORTED);
    while sorted < candidates.len() {
        let rest = &mut candidates[sorted..];
        let length = size.min(rest.len());
        if length < rest.len() {
            rest.select_nth_unstable_by(length, order);
        }
        rest[..length].sort_unstable_by(order);
        for (place, (weight, _)) in rest[..length].iter().enumerate() {
            kept += weight;
            if kept >= enough {
                candidates.truncate(sorted + place + 1);
                candidates.sort_unstable_by_key(|&(_, token)| token);
                return;
            }
        }
        sorted += length;
        size *= 4;
    }
}

#[cfg(test)]
mod tests;
