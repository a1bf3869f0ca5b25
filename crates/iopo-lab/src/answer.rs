//! Answers by a model to tasks of the world.

use iopo_answer::Respondent;
use iopo_data::Message;
use iopo_model::{CausalLm, GenerationConfig};
use serde::{Deserialize, Serialize};
use trace_world::Task;

use crate::error::LabError;

/// Longest answer in tokens; the longest that a task needs is about half of it.
pub(crate) const MAX_NEW_TOKENS: usize = 96;

/// How answers are decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decoding {
    /// The most likely token each time.
    Greedy,
    /// Sampled from the model's distribution as it is: temperature 1, nothing cut off.
    Sampled,
}

impl Decoding {
    /// The name in tables and files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Greedy => "greedy",
            Self::Sampled => "sampled",
        }
    }
}

/// One answer to each task; `seed` decides the samples.
///
/// # Errors
/// A prompt that the template cannot render, and logits that are not numbers.
pub(crate) fn answers<'a>(
    respondent: &Respondent,
    model: &CausalLm,
    tasks: impl IntoIterator<Item = &'a Task>,
    decoding: Decoding,
    seed: u64,
) -> Result<Vec<String>, LabError> {
    let conversations: Vec<Vec<Message>> =
        tasks.into_iter().map(|task| vec![Message::user(task.prompt())]).collect();
    let config = GenerationConfig {
        max_new_tokens: MAX_NEW_TOKENS,
        do_sample: decoding == Decoding::Sampled,
        top_k: 0,
        seed,
        ..GenerationConfig::default()
    };
    Ok(respondent.answers(model, &conversations, &config)?)
}
