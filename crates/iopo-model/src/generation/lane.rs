//! Sequences that are decoded together.

use std::ops::{ControlFlow, Range};

use burn::tensor::Tensor;

use super::config::GenerationConfig;
use super::error::GenerateError;
use super::kv_cache::KvCache;
use super::sampler::Sampler;
use super::{FinishReason, Generated, Prompt};
use crate::causal_lm::CausalLm;
use crate::layout::{SegmentSpan, TokenLayout};

/// Most sequences in flight: more make products no faster.
const IN_FLIGHT: usize = 128;

/// Sequences that must have finished before others are admitted, so that those go through the model
/// together.
const ADMITTED: usize = 32;

/// Bytes that the key-value cache may come to hold; a single sequence may need more.
const CACHE_BYTES: usize = 256 << 20;

/// Tokens of prompts that go through the model together; a single prompt may have more.
const PREFILL_TOKENS: usize = 1_024;

/// Works through a run of prompts with a bounded number of sequences in flight.
pub(crate) struct Lane<'a, F, E> {
    model: &'a CausalLm,
    prompts: &'a [Prompt],
    config: &'a GenerationConfig,
    stop: &'a F,
    /// Takes finished sequences with the indices of their prompts.
    each: &'a E,
    cache: KvCache,
    /// Tokens that the cache may come to hold; a single sequence may need more.
    pub(crate) most_cached: usize,
    /// In the order of the cache.
    pub(crate) running: Vec<Running<'a>>,
    /// Whether the caller has ended the call.
    is_ended: bool,
}

/// A sequence in flight.
pub(crate) struct Running<'a> {
    prompt: usize,
    sampler: Sampler<'a>,
    /// The new tokens; the last one is not in the cache yet.
    tokens: Vec<u32>,
    finish: Option<FinishReason>,
}

impl<'a, F, E> Lane<'a, F, E>
where
    F: Fn(&[u32]) -> bool,
    E: Fn(usize, Generated) -> ControlFlow<()>,
{
    pub(crate) fn new(
        model: &'a CausalLm,
        prompts: &'a [Prompt],
        config: &'a GenerationConfig,
        stop: &'a F,
        each: &'a E,
    ) -> Self {
        Self {
            model,
            prompts,
            config,
            stop,
            each,
            cache: KvCache::new(model),
            most_cached: CACHE_BYTES / bytes_per_token(model),
            running: Vec::new(),
            is_ended: false,
        }
    }

    /// Continues these prompts, until all are finished or the caller takes no more.
    pub(crate) fn run(mut self, range: Range<usize>) -> Result<(), GenerateError> {
        let mut next = range.start;
        while !self.is_ended && (next < range.end || !self.running.is_empty()) {
            if self.running.is_empty() || self.running.len() + ADMITTED <= IN_FLIGHT {
                next = self.admit(next..range.end)?;
            }
            if !self.running.is_empty() {
                self.step()?;
            }
        }
        Ok(())
    }

    /// Admits as many of the waiting prompts as fit, and returns the first that still waits.
    pub(crate) fn admit(&mut self, waiting: Range<usize>) -> Result<usize, GenerateError> {
        let longest = |prompt: usize| self.prompts[prompt].tokens.len() + self.config.max_new_tokens;
        let mut held: usize = self.running.iter().map(|sequence| longest(sequence.prompt)).sum();
        let mut end = waiting.start;
        while end < waiting.end && self.running.len() + (end - waiting.start) < IN_FLIGHT {
            held += longest(end);
            if held > self.most_cached && (end > waiting.start || !self.running.is_empty()) {
                break;
            }
            end += 1;
        }
        let mut start = waiting.start;
        while start < end {
            let together = self.together(start..end);
            start = together.end;
            self.prefill(together)?;
        }
        Ok(end)
    }

    /// The first of these prompts, and those behind it that go through the model with it.
    fn together(&self, prompts: Range<usize>) -> Range<usize> {
        let (mut tokens, mut end) = (self.prompts[prompts.start].tokens.len(), prompts.start + 1);
        while end < prompts.end && tokens + self.prompts[end].tokens.len() <= PREFILL_TOKENS {
            tokens += self.prompts[end].tokens.len();
            end += 1;
        }
        prompts.start..end
    }

    fn prefill(&mut self, prompts: Range<usize>) -> Result<(), GenerateError> {
        let first = self.running.len();
        let (mut tokens, mut positions, mut segments) = (Vec::new(), Vec::new(), Vec::new());
        for index in prompts {
            let prompt = &self.prompts[index];
            let start = tokens.len();
            tokens.extend_from_slice(&prompt.tokens);
            positions.extend(0..prompt.tokens.len() as u32);
            segments.push(SegmentSpan { range: start..tokens.len(), parent: None });
            let sampler = Sampler::new(self.config, prompt);
            self.running.push(Running { prompt: index, sampler, tokens: Vec::new(), finish: None });
        }
        let rows =
            self.model.prefill(&TokenLayout::from_parts(tokens, positions, segments), &mut self.cache)?;
        self.choose(&rows, first)
    }

    fn step(&mut self) -> Result<(), GenerateError> {
        let last = |sequence: &Running<'_>| sequence.tokens.last().copied().unwrap_or_default();
        let position = |sequence: &Running<'_>| {
            (self.prompts[sequence.prompt].tokens.len() + sequence.tokens.len() - 1) as u32
        };
        let tokens: Vec<u32> = self.running.iter().map(last).collect();
        let positions: Vec<u32> = self.running.iter().map(position).collect();
        let rows = self.model.step(&tokens, &positions, &mut self.cache)?;
        self.choose(&rows, 0)
    }

    /// Chooses the next token of the sequences from `first` on, and hands out those that it finishes.
    ///
    /// # Shapes
    /// - `rows`: `[sequences, hidden]`
    fn choose(&mut self, rows: &Tensor<2>, first: usize) -> Result<(), GenerateError> {
        let (running, config, stop) = (&mut self.running, self.config, self.stop);
        self.model.each_scores(rows, |row, scores| {
            let sequence = &mut running[first + row];
            let token = sequence.sampler.choose(scores).ok_or(GenerateError::NotFinite {
                prompt: sequence.prompt,
                new_tokens: sequence.tokens.len(),
            })?;
            sequence.take(token, config, stop);
            Ok(())
        })?;
        let keep: Vec<bool> = self.running.iter().map(|sequence| sequence.finish.is_none()).collect();
        if keep.contains(&false) {
            self.cache.retain(&keep);
            let all = std::mem::take(&mut self.running);
            for sequence in all {
                match sequence.finish {
                    None => self.running.push(sequence),
                    Some(finish) => {
                        let generated = Generated { tokens: sequence.tokens, finish };
                        self.is_ended |= (self.each)(sequence.prompt, generated).is_break();
                    }
                }
            }
        }
        Ok(())
    }
}

/// Size of one token's keys and values in all layers.
fn bytes_per_token(model: &CausalLm) -> usize {
    let config = model.config();
    let values = 2 * config.num_hidden_layers * config.num_key_value_heads * config.head_dim;
    values * burn::tensor::DType::from(model.precision().weights).size()
}

impl Running<'_> {
    fn take(&mut self, token: u32, config: &GenerationConfig, stop: &impl Fn(&[u32]) -> bool) {
        if config.eos_token_ids.contains(&token) {
            self.finish = Some(FinishReason::Eos);
            return;
        }
        self.tokens.push(token);
        if stop(&self.tokens) {
            self.finish = Some(FinishReason::Stop);
        } else if self.tokens.len() >= config.max_new_tokens {
            self.finish = Some(FinishReason::Length);
        }
    }
}
