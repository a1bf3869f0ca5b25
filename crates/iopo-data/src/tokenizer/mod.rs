//! A Hugging Face tokenizer folder: text to ids and back, and its special tokens.

mod chat_format;
mod config;
mod error;
mod pieces;
mod train;

use std::path::Path;

use tokenizers::Tokenizer;

pub use chat_format::ChatFormat;
use config::{GenerationConfig, TokenText, TokenizerConfig};
pub use error::TokenizerError;
pub(crate) use pieces::Pieces;
pub use train::{TokenizerTraining, TokenizerTrainingError, TrainedTokenizer, train_tokenizer};

/// Text to token ids and back, without surprises.
///
/// It never adds a special token by itself and never truncates or pads, whatever
/// `tokenizer.json` asks for. The text of a special token inside a text *is* parsed as
/// that token, as in transformers.
#[derive(Debug, Clone)]
pub struct TextTokenizer {
    inner: Tokenizer,
    bos: Option<SpecialToken>,
    eos: SpecialToken,
    pad_id: u32,
    eos_ids: Vec<u32>,
    chat_template: Option<String>,
}

/// A special token as text and as id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SpecialToken {
    pub(crate) text: String,
    pub(crate) id: u32,
}

impl TextTokenizer {
    /// Reads `tokenizer.json` and `tokenizer_config.json`, and, where they exist,
    /// `generation_config.json` and `chat_template.jinja`.
    ///
    /// The eos token is the `eos_token` of `tokenizer_config.json`, else the first
    /// `eos_token_id` of `generation_config.json`. Without a `pad_token` the eos token
    /// pads. A `chat_template.jinja` outranks the template in `tokenizer_config.json`.
    ///
    /// # Errors
    ///
    /// [`TokenizerError`], naming the file.
    pub fn from_dir(dir: impl AsRef<Path>) -> Result<Self, TokenizerError> {
        let dir = dir.as_ref();
        let inner = read_tokenizer(&dir.join("tokenizer.json"))?;
        let config_path = dir.join("tokenizer_config.json");
        let config: TokenizerConfig = config::read_json(&config_path)?;
        let generation: GenerationConfig =
            config::read_json_if_present(&dir.join("generation_config.json"))?.unwrap_or_default();

        let find = |role: &'static str, token: Option<TokenText>| {
            token.map(|token| special_token(&inner, &config_path, role, token.into_text())).transpose()
        };
        let bos = find("bos_token", config.bos_token)?;
        let pad = find("pad_token", config.pad_token)?;
        let mut eos_ids = generation.into_eos_ids();
        let eos = match find("eos_token", config.eos_token)? {
            Some(eos) => eos,
            None => eos_ids
                .first()
                .and_then(|&id| Some(SpecialToken { text: inner.id_to_token(id)?, id }))
                .ok_or_else(|| {
                let path = config_path.display();
                let reason = format!("{path} names no eos_token, and generation_config.json no eos_token_id");
                TokenizerError::new(reason)
            })?,
        };
        eos_ids.retain(|id| *id != eos.id);
        eos_ids.insert(0, eos.id);
        Ok(Self {
            bos,
            pad_id: pad.map_or(eos.id, |pad| pad.id),
            eos,
            eos_ids,
            chat_template: read_chat_template(dir)?.or_else(|| config.chat_template?.into_default()),
            inner,
        })
    }

    /// The ids of a text: no special token added, those in the text parsed.
    ///
    /// # Errors
    ///
    /// A text that the tokenizer's model refuses.
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, TokenizerError> {
        match self.inner.encode_fast(text, false) {
            Ok(encoding) => Ok(encoding.get_ids().to_vec()),
            Err(source) => {
                let reason = format!("the tokenizer cannot encode a text of {} bytes", text.len());
                Err(TokenizerError::because(reason, source))
            }
        }
    }

    /// The text of ids, special tokens included.
    ///
    /// # Errors
    ///
    /// Ids that the tokenizer's decoder refuses.
    pub fn decode(&self, ids: &[u32]) -> Result<String, TokenizerError> {
        self.decode_ids(ids, false)
    }

    /// The text of ids without special tokens: what a reader of an answer sees.
    ///
    /// # Errors
    ///
    /// Ids that the tokenizer's decoder refuses.
    pub fn decode_plain(&self, ids: &[u32]) -> Result<String, TokenizerError> {
        self.decode_ids(ids, true)
    }

    fn decode_ids(&self, ids: &[u32], skip_special_tokens: bool) -> Result<String, TokenizerError> {
        self.inner.decode(ids, skip_special_tokens).map_err(|source| {
            TokenizerError::because(format!("the tokenizer cannot decode {} tokens", ids.len()), source)
        })
    }

    /// The token that ends a sequence.
    pub fn eos_id(&self) -> u32 {
        self.eos.id
    }

    /// Every token at which generation stops: [`TextTokenizer::eos_id`] first, then the
    /// others of `generation_config.json`.
    pub fn eos_ids(&self) -> &[u32] {
        &self.eos_ids
    }

    /// The token that begins a sequence, where the model has one.
    pub fn bos_id(&self) -> Option<u32> {
        self.bos.as_ref().map(|bos| bos.id)
    }

    /// The token for padding: `pad_token`, else the eos token.
    pub fn pad_id(&self) -> u32 {
        self.pad_id
    }

    /// The id of a token given by its text.
    pub fn token_id(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }

    /// The text of a token given by its id.
    pub fn token(&self, id: u32) -> Option<String> {
        self.inner.id_to_token(id)
    }

    /// One more than the largest id, added tokens included.
    ///
    /// A model's embedding may have more rows; it must not have fewer.
    pub fn vocab_size(&self) -> usize {
        self.inner.get_vocab(true).values().max().map_or(0, |&largest| largest as usize + 1)
    }

    /// Checks that a model has an embedding for every id of this tokenizer.
    ///
    /// # Errors
    ///
    /// A tokenizer that belongs to another model.
    pub fn check_vocabulary(&self, model_vocab_size: usize) -> Result<(), TokenizerError> {
        let size = self.vocab_size();
        if size <= model_vocab_size {
            return Ok(());
        }
        Err(TokenizerError::new(format!(
            "this tokenizer does not belong to this model: it has ids up to {}, the model's vocab_size is {model_vocab_size}",
            size - 1
        )))
    }

    /// The Jinja source of the folder's own chat template.
    pub fn chat_template(&self) -> Option<&str> {
        self.chat_template.as_deref()
    }

    pub(crate) fn bos(&self) -> Option<&SpecialToken> {
        self.bos.as_ref()
    }

    pub(crate) fn eos(&self) -> &SpecialToken {
        &self.eos
    }
}

fn read_tokenizer(path: &Path) -> Result<Tokenizer, TokenizerError> {
    let bytes = config::read_if_present(path)?.ok_or_else(|| TokenizerError::missing(path))?;
    let malformed = |source| TokenizerError::malformed(path, source);
    let mut tokenizer = Tokenizer::from_bytes(bytes).map_err(malformed)?;
    // Lengths are the encoder's business: a limit saved in the file would cut silently.
    tokenizer.with_truncation(None).map_err(malformed)?;
    tokenizer.with_padding(None);
    Ok(tokenizer)
}

fn read_chat_template(dir: &Path) -> Result<Option<String>, TokenizerError> {
    let path = dir.join("chat_template.jinja");
    let Some(bytes) = config::read_if_present(&path)? else {
        return Ok(None);
    };
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Some(text)),
        Err(source) => Err(TokenizerError::malformed(&path, source)),
    }
}

fn special_token(
    tokenizer: &Tokenizer,
    path: &Path,
    role: &'static str,
    text: String,
) -> Result<SpecialToken, TokenizerError> {
    match tokenizer.token_to_id(&text) {
        Some(id) => Ok(SpecialToken { text, id }),
        None => Err(TokenizerError::new(format!(
            "{} names \"{text}\" as {role}, which is not in the vocabulary of tokenizer.json",
            path.display()
        ))),
    }
}
