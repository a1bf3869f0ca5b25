//! Answers by a model.

use std::path::Path;

use iopo_data::{Message, Template, TemplateEncoder, TextTokenizer};
use iopo_model::{CausalLm, GenerationConfig};
use serde::{Deserialize, Serialize};
use trace_synthesis::world::Task;

use crate::error::LabError;

/// Longest answer in tokens; the longest that a task needs is about half of it.
const MAX_NEW_TOKENS: usize = 96;

/// How answers are decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decoding {
    /// The most likely token each time.
    Greedy,
    /// Drawn from the model's distribution as it is: temperature 1, nothing cut off.
    Sampled,
}

/// What stands between tasks and a model: template, tokenizer, end of an answer.
#[derive(Debug, Clone)]
pub struct Respondent {
    template: TemplateEncoder,
    eos_token_ids: Vec<u32>,
}

impl Respondent {
    /// The tokenizer and chat template of a model's folder.
    ///
    /// # Errors
    /// Files that cannot be read.
    pub fn from_dir(dir: &Path) -> Result<Self, LabError> {
        let tokenizer = TextTokenizer::from_dir(dir)?;
        let eos_token_ids = tokenizer.eos_ids().to_vec();
        Ok(Self { template: TemplateEncoder::new(tokenizer, Template::Chat)?, eos_token_ids })
    }

    /// One answer to each task; `seed` decides what is drawn.
    ///
    /// # Errors
    /// A prompt that the template cannot render, and logits that are not numbers.
    pub fn answers<'a>(
        &self,
        model: &CausalLm,
        tasks: impl IntoIterator<Item = &'a Task>,
        decoding: Decoding,
        seed: u64,
    ) -> Result<Vec<String>, LabError> {
        let prompt = |task: &Task| self.template.prompt(&[Message::user(task.prompt())]);
        let prompts = tasks.into_iter().map(prompt).collect::<Result<Vec<_>, _>>()?;
        let config = GenerationConfig {
            max_new_tokens: MAX_NEW_TOKENS,
            do_sample: decoding == Decoding::Sampled,
            top_k: 0,
            eos_token_ids: self.eos_token_ids.clone(),
            seed,
            ..GenerationConfig::default()
        };
        let generated = model.generate(&prompts, &config, |_| false)?;
        let text = |tokens: &[u32]| self.template.tokenizer().decode_plain(tokens);
        Ok(generated.iter().map(|answer| text(&answer.tokens)).collect::<Result<_, _>>()?)
    }
}
