//! How tokens are chosen, and when a sequence ends.

use std::path::Path;

use iopo_files::whole_number;
use serde_json::Value;

use super::error::GenerateError;
use crate::error::ConfigError;
use crate::keys::{Keys, parse, read_text};

/// How the next token is chosen, and when a sequence ends.
///
/// | name | default | purpose | range |
/// |---|---|---|---|
/// | `max_new_tokens` | 512 | most tokens after a prompt | at least 1 |
/// | `do_sample` | false | sample the token; otherwise decoding is greedy | |
/// | `temperature` | 1 | divides the scores; 0 is greedy | at least 0 |
/// | `top_k` | 50 | keeps the k most likely tokens, and those equal to the last of them; 0 keeps all | |
/// | `top_p` | 1 | keeps the smallest set of most likely tokens whose probability is at least this | 0 to 1 |
/// | `repetition_penalty` | 1 | divides positive and multiplies negative scores of tokens in prompt or answer | above 0 |
/// | `eos_token_ids` | none | tokens that end a sequence | |
/// | `seed` | 0 | of the random numbers | |
///
/// They are applied in the order penalty, temperature, `top_k`, `top_p`. Without sampling the
/// penalty alone matters; of equal scores the lowest token id wins. Of tokens that are equally
/// likely, `top_p` keeps those with lower ids. Each prompt has a stream of random numbers of its own,
/// [`Prompt::stream`](crate::Prompt).
///
/// # Source
/// Names, defaults, order and meaning are those of Hugging Face transformers (`GenerationConfig`,
/// `RepetitionPenaltyLogitsProcessor`, `TemperatureLogitsWarper`, `TopKLogitsWarper`,
/// `TopPLogitsWarper`), except that `max_new_tokens` has a default here and a temperature of 0 is
/// allowed.
#[derive(Debug, Clone, PartialEq)]
pub struct GenerationConfig {
    /// Most tokens after a prompt, the end-of-sequence token included.
    pub max_new_tokens: usize,
    /// Whether the next token is sampled; otherwise decoding is greedy.
    pub do_sample: bool,
    /// Divides the scores.
    pub temperature: f64,
    /// How many tokens can be sampled; 0 for all.
    pub top_k: usize,
    /// Probability of the tokens that can be sampled.
    pub top_p: f64,
    /// Makes tokens of the prompt and the answer less likely, if above 1.
    pub repetition_penalty: f64,
    /// Tokens that end a sequence.
    pub eos_token_ids: Vec<u32>,
    /// Seed of the random numbers.
    pub seed: u64,
}

impl Default for GenerationConfig {
    fn default() -> Self {
        Self {
            max_new_tokens: 512,
            do_sample: false,
            temperature: 1.0,
            top_k: 50,
            top_p: 1.0,
            repetition_penalty: 1.0,
            eos_token_ids: Vec::new(),
            seed: 0,
        }
    }
}

/// Options of transformers that are not implemented, and the value that has no effect.
const UNSUPPORTED: [(&str, f64, &str); 13] = [
    ("num_beams", 1.0, "1"),
    ("num_return_sequences", 1.0, "1"),
    ("num_beam_groups", 1.0, "1"),
    ("min_new_tokens", 0.0, "0"),
    ("min_length", 0.0, "0"),
    ("min_p", 0.0, "0"),
    ("typical_p", 1.0, "1"),
    ("epsilon_cutoff", 0.0, "0"),
    ("eta_cutoff", 0.0, "0"),
    ("no_repeat_ngram_size", 0.0, "0"),
    ("encoder_repetition_penalty", 1.0, "1"),
    ("penalty_alpha", 0.0, "0"),
    ("guidance_scale", 1.0, "1"),
];

/// Options of transformers that force, forbid or weight tokens, and have no counterpart here.
const UNSUPPORTED_LISTS: [&str; 10] = [
    "bad_words_ids",
    "exponential_decay_length_penalty",
    "force_words_ids",
    "forced_bos_token_id",
    "forced_eos_token_id",
    "watermarking_config",
    "suppress_tokens",
    "begin_suppress_tokens",
    "sequence_bias",
    "stop_strings",
];

impl GenerationConfig {
    /// Reads a model folder's `generation_config.json`; keys that are absent have their defaults.
    ///
    /// The end-of-sequence tokens are those of `config.json` where the file, or its
    /// `eos_token_id`, is absent. `max_length` is not used: it counts the prompt too.
    ///
    /// # Errors
    /// A file that is not readable JSON, a key of the wrong type, and options that would change
    /// what is generated but do not exist here.
    pub fn from_dir(dir: &Path) -> Result<Self, ConfigError> {
        Self::default().updated_from_dir(dir)
    }

    /// As [`GenerationConfig::from_dir`]; keys that are absent keep the values that they have.
    ///
    /// # Errors
    /// As [`GenerationConfig::from_dir`].
    pub fn updated_from_dir(self, dir: &Path) -> Result<Self, ConfigError> {
        let path = dir.join("generation_config.json");
        let mut config = self;
        if let Some(text) = read_text(&path)? {
            config.read_keys(&Keys { path: &path, map: &parse(&text, &path)? })?;
        }
        let path = dir.join("config.json");
        if config.eos_token_ids.is_empty()
            && let Some(text) = read_text(&path)?
        {
            config.eos_token_ids = token_ids(&Keys { path: &path, map: &parse(&text, &path)? })?;
        }
        Ok(config)
    }

    fn read_keys(&mut self, keys: &Keys<'_>) -> Result<(), ConfigError> {
        for (key, neutral, supported) in UNSUPPORTED {
            if let Some(value) = keys.number(key)?.filter(|&value| value != neutral) {
                return Err(keys.unsupported(key, value, supported));
            }
        }
        for key in UNSUPPORTED_LISTS {
            if let Some(value) = keys.get(key) {
                return Err(keys.unsupported(key, value, "absent"));
            }
        }
        self.eos_token_ids = token_ids(keys)?;
        if keys.get("do_sample").is_some() {
            self.do_sample = keys.flag("do_sample")?;
        }
        self.max_new_tokens = keys.size_or_none("max_new_tokens")?.unwrap_or(self.max_new_tokens);
        self.top_k = keys.size_or_none("top_k")?.unwrap_or(self.top_k);
        for (key, setting) in [
            ("temperature", &mut self.temperature),
            ("top_p", &mut self.top_p),
            ("repetition_penalty", &mut self.repetition_penalty),
        ] {
            *setting = keys.number(key)?.unwrap_or(*setting);
        }
        Ok(())
    }

    /// Whether decoding is greedy.
    #[must_use]
    pub fn is_greedy(&self) -> bool {
        !self.do_sample || self.temperature == 0.0
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// [`GenerateError::Settings`] with all that are out of their ranges.
    pub fn validate(&self) -> Result<(), GenerateError> {
        let Self { max_new_tokens, temperature, top_p, repetition_penalty, .. } = *self;
        let mut problems = Vec::new();
        let mut check = |sound: bool, problem: String| {
            if !sound {
                problems.push(problem);
            }
        };
        check(max_new_tokens > 0, "max_new_tokens is 0, must be at least 1".to_owned());
        let sound = temperature >= 0.0 && temperature.is_finite();
        check(sound, format!("temperature is {temperature}, must be a number of at least 0"));
        check((0.0..=1.0).contains(&top_p), format!("top_p is {top_p}, must be from 0 to 1"));
        let sound = repetition_penalty > 0.0 && repetition_penalty.is_finite();
        check(sound, format!("repetition_penalty is {repetition_penalty}, must be a positive number"));
        if problems.is_empty() { Ok(()) } else { Err(GenerateError::Settings { problems }) }
    }
}

/// `eos_token_id`: a number, a list of numbers, or nothing.
fn token_ids(keys: &Keys<'_>) -> Result<Vec<u32>, ConfigError> {
    const KEY: &str = "eos_token_id";
    let Some(found) = keys.get(KEY) else {
        return Ok(Vec::new());
    };
    let values = found.as_array().map_or(std::slice::from_ref(found), Vec::as_slice);
    let id = |value: &Value| whole_number(value).and_then(|id| u32::try_from(id).ok());
    values
        .iter()
        .map(|value| id(value).ok_or_else(|| keys.wrong_type(KEY, "a token id or a list of them", found)))
        .collect()
}
