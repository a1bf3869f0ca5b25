//! Text from prompts: decoding with a key-value cache, many sequences at a time.

mod config;
mod error;
mod forward;
mod kv_cache;
mod lane;
mod sampler;

use std::ops::{ControlFlow, Range};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use burn::module::Module;

use crate::causal_lm::CausalLm;
use crate::error::LayoutError;
use crate::kernels;
use crate::layout::TokenLayout;
use lane::Lane;

pub use config::GenerationConfig;
pub use error::GenerateError;

/// A text to continue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// The tokens.
    pub tokens: Vec<u32>,
    /// The stream of random numbers that its continuation is sampled with, of those that
    /// [`GenerationConfig::seed`] has.
    pub stream: u64,
}

/// The continuation of a prompt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generated {
    /// The new tokens, without the end-of-sequence token that ended them.
    pub tokens: Vec<u32>,
    /// Why it ended.
    pub finish: FinishReason,
}

/// Why a sequence ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FinishReason {
    /// One of [`GenerationConfig::eos_token_ids`] came next.
    Eos,
    /// The caller's condition held.
    Stop,
    /// There are [`GenerationConfig::max_new_tokens`] new tokens.
    Length,
}

impl CausalLm {
    /// Continues each prompt, the i-th with the random stream i; see [`CausalLm::generate_each`].
    ///
    /// # Errors
    /// As [`CausalLm::generate_each`].
    pub fn generate(
        &self,
        prompts: &[Vec<u32>],
        config: &GenerationConfig,
        stop: impl Fn(&[u32]) -> bool + Sync,
    ) -> Result<Vec<Generated>, GenerateError> {
        let prompt = |(tokens, stream): (&Vec<u32>, u64)| Prompt { tokens: tokens.clone(), stream };
        self.generate_all(&prompts.iter().zip(0..).map(prompt).collect::<Vec<_>>(), config, stop)
    }

    /// Continues each prompt, and returns the continuations in the order of the prompts; see
    /// [`CausalLm::generate_each`].
    ///
    /// # Errors
    /// As [`CausalLm::generate_each`].
    pub fn generate_all(
        &self,
        prompts: &[Prompt],
        config: &GenerationConfig,
        stop: impl Fn(&[u32]) -> bool + Sync,
    ) -> Result<Vec<Generated>, GenerateError> {
        let done = Mutex::new(Vec::with_capacity(prompts.len()));
        self.generate_each(prompts, config, stop, |prompt, generated| {
            done.lock().unwrap_or_else(PoisonError::into_inner).push((prompt, generated));
            ControlFlow::Continue(())
        })?;
        let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        done.sort_unstable_by_key(|&(prompt, _)| prompt);
        Ok(done.into_iter().map(|(_, generated)| generated).collect())
    }

    /// Continues each prompt, and hands out each continuation as it ends, in any order.
    ///
    /// `stop` sees the new tokens of one sequence after each of them, the end-of-sequence token
    /// excepted, and ends the sequence where it is true. The model knows no text: for stop strings,
    /// the caller decodes there, and cuts the text afterwards.
    ///
    /// `each` gets the index of a prompt and its continuation, on the thread that made it; with
    /// [`ControlFlow::Break`] it ends the whole call, and continuations that are still running are lost.
    ///
    /// With the CPU kernels a result depends on its own prompt, on `config` and on its own random
    /// stream alone: neither on the prompts beside it nor on the number of threads. Elsewhere the
    /// prompts beside it can change how logits are rounded.
    ///
    /// # Errors
    /// Settings out of their ranges, all of them named; a prompt that is empty, holds a token
    /// outside the vocabulary or leaves no positions for the new tokens; logits that are not
    /// numbers.
    pub fn generate_each(
        &self,
        prompts: &[Prompt],
        config: &GenerationConfig,
        stop: impl Fn(&[u32]) -> bool + Sync,
        each: impl Fn(usize, Generated) -> ControlFlow<()> + Sync,
    ) -> Result<(), GenerateError> {
        config.validate()?;
        for (index, prompt) in prompts.iter().enumerate() {
            self.check_prompt(&prompt.tokens, config)
                .map_err(|source| GenerateError::Prompt { prompt: index, source })?;
        }
        let plain = self.valid();
        let lanes = lanes(prompts.len());
        let (next, ended) = (AtomicUsize::new(0), AtomicBool::new(false));
        let each = |prompt, generated| {
            if each(prompt, generated).is_break() {
                ended.store(true, Ordering::Relaxed);
            }
            match ended.load(Ordering::Relaxed) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        };
        // A thread takes one lane after the other, so that no more of them are in memory than there
        // are threads.
        let work = |_| -> Result<(), GenerateError> {
            while let Some(range) = lanes.get(next.fetch_add(1, Ordering::Relaxed)) {
                if ended.load(Ordering::Relaxed) {
                    break;
                }
                let result = Lane::new(&plain, prompts, config, &stop, &each).run(range.clone());
                if result.is_err() {
                    ended.store(true, Ordering::Relaxed);
                }
                result?;
            }
            Ok(())
        };
        kernels::map((0..kernels::threads().min(lanes.len())).collect(), work).into_iter().collect()
    }

    fn check_prompt(&self, prompt: &[u32], config: &GenerationConfig) -> Result<(), LayoutError> {
        let positions = prompt.len().saturating_add(config.max_new_tokens);
        if u32::try_from(positions).is_err() {
            return Err(LayoutError::new(format!("{positions} tokens, but {} positions", u32::MAX)));
        }
        TokenLayout::sequence(prompt.to_vec(), 0)?.check_vocabulary(self.config.vocab_size)
    }
}

/// Runs of prompts that a thread works through: several for each thread where there are enough
/// prompts, and enough prompts in each for fast products.
///
/// They follow from the number of prompts alone, so that no result depends on the number of threads.
fn lanes(prompts: usize) -> Vec<Range<usize>> {
    let size = (prompts / 8).clamp(32, 256);
    (0..prompts).step_by(size).map(|start| start..prompts.min(start + size)).collect()
}

#[cfg(test)]
mod tests;
