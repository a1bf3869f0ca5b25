//! A Hugging Face tokenizer folder: text to ids and back, and its special tokens.

mod chat_format;
mod config;
mod error;
mod panics;
mod pieces;
mod train;

use std::path::Path;

use tokenizers::Tokenizer;
use tokenizers::models::ModelWrapper;

pub use chat_format::ChatFormat;
use config::{GenerationConfig, TokenText, TokenizerConfig};
pub use error::TokenizerError;
use panics::caught;
pub(crate) use pieces::Pieces;
pub use train::{TokenizerTraining, TokenizerTrainingError, TrainedTokenizer, train_tokenizer};

/// Text to token ids and back, without surprises.
///
/// It never adds a special token by itself, never truncates or pads, and gives equal texts
/// equal ids, whatever `tokenizer.json` asks for. The text of a special token inside a text
/// *is* parsed as that token, as in transformers.
#[derive(Debug, Clone)]
pub struct TextTokenizer {
    inner: Tokenizer,
    bos: Option<SpecialToken>,
    eos: SpecialToken,
    pad_id: u32,
    eos_ids: Vec<u32>,
    chat_template: Option<String>,
    /// BPE dropout that the file asks for; nothing drops out.
    dropout: Option<f32>,
    /// Rows of the model's embedding, where it has fewer than there are ids.
    rows: Option<usize>,
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
        let (inner, dropout) = read_tokenizer(&dir.join("tokenizer.json"))?;
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
            chat_template: config::read_if_present(&dir.join("chat_template.jinja"))?
                .or_else(|| config.chat_template?.into_default()),
            inner,
            dropout,
            rows: None,
        })
    }

    /// The ids of a text: no special token added, those in the text parsed.
    ///
    /// # Errors
    ///
    /// A text that the tokenizer refuses, or gives up: its regular expression goes back at
    /// most 10 million steps for one word. And a token for which the model has no embedding,
    /// see [`TextTokenizer::limit_vocabulary`].
    pub fn encode(&self, text: &str) -> Result<Vec<u32>, TokenizerError> {
        let encoding = caught(|| self.inner.encode_fast(text, false)).map_err(|source| {
            TokenizerError::because(
                format!("the tokenizer cannot encode a text of {} bytes", text.len()),
                source,
            )
        })?;
        let ids = encoding.get_ids().to_vec();
        self.check_rows(&ids)?;
        Ok(ids)
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
        caught(|| self.inner.decode(ids, skip_special_tokens)).map_err(|source| {
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
    /// A model's embedding may have more rows; where it has fewer,
    /// [`TextTokenizer::limit_vocabulary`] keeps the tokens without one out.
    pub fn vocab_size(&self) -> usize {
        self.inner.get_vocab(true).values().max().map_or(0, |&largest| largest as usize + 1)
    }

    /// From now on refuses texts with a token for which the model has no embedding.
    ///
    /// Tokenizers get tokens, often for padding, that their models never see; only a text
    /// that has one is wrong.
    ///
    /// # Errors
    ///
    /// A model without an embedding for the token that begins or ends a sequence.
    pub fn limit_vocabulary(&mut self, model_vocab_size: usize) -> Result<(), TokenizerError> {
        self.rows = Some(model_vocab_size).filter(|&rows| rows < self.vocab_size());
        self.check_rows(&[self.eos.id])?;
        self.check_rows(self.bos_id().as_slice())
    }

    /// Whether the model has an embedding for each of the ids.
    pub(crate) fn check_rows(&self, ids: &[u32]) -> Result<(), TokenizerError> {
        let Some(rows) = self.rows else { return Ok(()) };
        let Some(&id) = ids.iter().find(|&&id| id as usize >= rows) else { return Ok(()) };
        let token = self.token(id).unwrap_or_default();
        Err(TokenizerError::new(format!(
            "the model has no embedding for the token {token:?}: its id is {id}, and the model's vocab_size is {rows}; leave \
             the token out, or take the tokenizer that belongs to the model"
        )))
    }

    /// A line for the user about what the folder asks for and does not get.
    pub fn note(&self) -> Option<String> {
        let dropout = self.dropout?;
        Some(format!(
            "it asks for BPE dropout ({dropout}), which is not used: equal texts have equal tokens, in training, in the \
             reference and in answers"
        ))
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

/// The tokenizer of a file, and the dropout that it asks for.
fn read_tokenizer(path: &Path) -> Result<(Tokenizer, Option<f32>), TokenizerError> {
    let text = config::read_if_present(path)?.ok_or_else(|| TokenizerError::missing(path))?;
    let malformed = |source| TokenizerError::malformed(path, source);
    let mut tokenizer = caught(|| Tokenizer::from_bytes(text)).map_err(malformed)?;
    // Lengths are the encoder's business: a limit saved in the file would cut silently.
    tokenizer.with_truncation(None).map_err(malformed)?;
    tokenizer.with_padding(None);
    let mut dropout = None;
    if let ModelWrapper::BPE(model) = tokenizer.get_model()
        && model.dropout.is_some_and(|share| share > 0.0)
    {
        let mut model = model.clone();
        dropout = model.dropout.take();
        tokenizer.with_model(model);
    }
    Ok((tokenizer, dropout))
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
