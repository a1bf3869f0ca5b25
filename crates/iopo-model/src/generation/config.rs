//! How tokens are chosen, and when a sequence ends.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::error::{GenerateError, GenerationProblem};
use crate::config::Keys;
use crate::error::ConfigError;

/// How the next token is chosen, and when a sequence ends.
///
/// | name | default | purpose | range |
/// |---|---|---|---|
/// | `max_new_tokens` | 512 | most tokens after a prompt | at least 1 |
/// | `do_sample` | false | draw the token; otherwise the most likely is taken | |
/// | `temperature` | 1 | divides the scores; 0 takes the most likely token | at least 0 |
/// | `top_k` | 50 | keeps the k most likely tokens, and those equal to the last of them; 0 keeps all | |
/// | `top_p` | 1 | keeps the fewest most likely tokens with at least this probability | 0 to 1 |
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
/// `TopPLogitsWarper`), except that `max_new_tokens` has a default here and a temperature of 0 a
/// meaning.
#[derive(Debug, Clone, PartialEq)]
pub struct GenerationConfig {
    /// Most tokens after a prompt, the end-of-sequence token included.
    pub max_new_tokens: usize,
    /// Whether the next token is drawn.
    pub do_sample: bool,
    /// Divides the scores.
    pub temperature: f64,
    /// How many tokens can be drawn; 0 for all.
    pub top_k: usize,
    /// Probability of the tokens that can be drawn.
    pub top_p: f64,
    /// Makes tokens that were there before less likely, if above 1.
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

/// Options of transformers that would change what is generated, and the value that does not.
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

/// What transformers forces, forbids or weighs, and what does not exist here in any form.
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
        if let Some(value) = read(&path)? {
            config.read_keys(&keys(&value, &path)?)?;
        }
        let path = dir.join("config.json");
        if config.eos_token_ids.is_empty()
            && let Some(value) = read(&path)?
        {
            config.eos_token_ids = token_ids(&keys(&value, &path)?)?;
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

    /// Whether the most likely token is always taken.
    #[must_use]
    pub fn is_greedy(&self) -> bool {
        !self.do_sample || self.temperature == 0.0
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// [`GenerateError::Settings`] with all that are out of their ranges.
    pub fn validate(&self) -> Result<(), GenerateError> {
        let mut problems = Vec::new();
        let mut check = |sound: bool, problem| {
            if !sound {
                problems.push(problem);
            }
        };
        check(self.max_new_tokens > 0, GenerationProblem::MaxNewTokens);
        let found = self.temperature;
        check(found >= 0.0 && found.is_finite(), GenerationProblem::Temperature { found });
        let found = self.top_p;
        check((0.0..=1.0).contains(&found), GenerationProblem::TopP { found });
        let found = self.repetition_penalty;
        check(found > 0.0 && found.is_finite(), GenerationProblem::RepetitionPenalty { found });
        if problems.is_empty() { Ok(()) } else { Err(GenerateError::Settings { problems }) }
    }
}

/// The file as JSON, or none where there is no such file.
fn read(path: &Path) -> Result<Option<Value>, ConfigError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(ConfigError::Read { path: path.to_owned(), source }),
    };
    serde_json::from_str(&text)
        .map(Some)
        .map_err(|source| ConfigError::Json { path: path.to_owned(), source })
}

fn keys<'a>(value: &'a Value, path: &'a Path) -> Result<Keys<'a>, ConfigError> {
    let map = value.as_object().ok_or_else(|| ConfigError::NotAnObject { path: path.to_owned() })?;
    Ok(Keys { path, map })
}

/// `eos_token_id`: a number, a list of numbers, or nothing.
fn token_ids(keys: &Keys<'_>) -> Result<Vec<u32>, ConfigError> {
    const KEY: &str = "eos_token_id";
    let Some(found) = keys.get(KEY) else {
        return Ok(Vec::new());
    };
    let values = found.as_array().map_or(std::slice::from_ref(found), Vec::as_slice);
    let id = |value: &Value| value.as_u64().and_then(|id| u32::try_from(id).ok());
    values
        .iter()
        .map(|value| id(value).ok_or_else(|| keys.wrong_type(KEY, "a token id or a list of them", found)))
        .collect()
}
