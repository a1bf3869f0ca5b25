//! New tokenizers: byte-level BPE as Qwen2's, learned from texts.

use std::fs;
use std::path::{Path, PathBuf};

use iopo_files::{FileError, write_file};
use serde_json::{Value, json};
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::models::{ModelWrapper, TrainerWrapper};
use tokenizers::normalizers::NFC;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::{AddedToken, SplitDelimiterBehavior, Tokenizer};

use super::chat_format::ChatFormat;

/// Cuts text into words before anything is merged: contractions, letters with one sign before them,
/// single digits, signs, line ends, spaces.
///
/// # Source
/// `pre_tokenizer` in the `tokenizer.json` of the repositories `Qwen/Qwen2-*`.
const WORDS: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

const END_OF_TEXT: &str = "<|endoftext|>";
const TURN_START: &str = "<|im_start|>";
const TURN_END: &str = "<|im_end|>";

/// Tokens that every tokenizer has before it learns: one for each byte.
const BYTES: usize = 256;

/// Four times the largest vocabulary of a released model.
const MOST_TOKENS: usize = 1 << 20;

/// How a tokenizer is trained.
///
/// | name | default | purpose | range |
/// |---|---|---|---|
/// | `vocab_size` | 1000 | tokens in all, special ones included | at least 256 and the special ones, at most 1,048,576 |
/// | `min_frequency` | 2 | how often two neighbours must stand together to become one token | |
/// | `special_tokens` | none | further tokens that are never cut, after Qwen2's three | not empty, each once |
/// | `chat_format` | plain | the chat template that is written | |
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenizerTraining {
    /// Tokens in all, special ones included; texts with few pairs give fewer.
    pub vocab_size: usize,
    /// How often two neighbours must stand together to become one token.
    pub min_frequency: u64,
    /// Further special tokens, after `<|endoftext|>`, `<|im_start|>` and `<|im_end|>`.
    pub special_tokens: Vec<String>,
    /// The chat template that is written.
    pub chat_format: ChatFormat,
}

impl Default for TokenizerTraining {
    fn default() -> Self {
        Self {
            vocab_size: 1_000,
            min_frequency: 2,
            special_tokens: Vec::new(),
            chat_format: ChatFormat::Plain,
        }
    }
}

/// A tokenizer that cannot be trained or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[allow(missing_docs, reason = "fields are reasons and sources")]
pub enum TokenizerTrainingError {
    /// A configuration or texts from which no tokenizer can be trained.
    #[error("{reason}")]
    Invalid { reason: String },
    /// The tokenizer's trainer failed.
    #[error("the tokenizer cannot be trained")]
    Train { source: Box<dyn std::error::Error + Send + Sync> },
    /// The folder cannot be made.
    #[error("cannot create {}", path.display())]
    Folder { path: PathBuf, source: std::io::Error },
    /// A file cannot be written.
    #[error(transparent)]
    Write(#[from] FileError),
}

fn invalid(reason: String) -> TokenizerTrainingError {
    TokenizerTrainingError::Invalid { reason }
}

/// A tokenizer that was just trained, to be written as a Hugging Face folder.
#[derive(Debug, Clone)]
pub struct TrainedTokenizer {
    inner: Tokenizer,
    special_tokens: Vec<String>,
    chat_format: ChatFormat,
}

/// Learns a byte-level BPE tokenizer.
///
/// Text is normalised to NFC and cut into words as Qwen2 does. The ids are those of the 256 bytes,
/// then those of the merged pairs, the most frequent first, then those of the special tokens. Equal
/// texts, in whatever order, give equal bytes on disk.
///
/// ```
/// use iopo_data::{Message, Template, TemplateEncoder, TextTokenizer, TokenizerTraining, train_tokenizer};
///
/// let texts = ["three green rows", "three green roses"].map(str::to_owned);
/// let config = TokenizerTraining { vocab_size: 280, ..TokenizerTraining::default() };
/// # let dir = tempfile::tempdir()?;
/// # let dir = dir.path();
/// train_tokenizer(texts.into_iter(), &config)?.write(dir)?;
///
/// let encoder = TemplateEncoder::new(TextTokenizer::from_dir(dir)?, Template::Chat)?;
/// let sequence = encoder.encode(&[Message::user("three")], "green")?;
/// assert_eq!(encoder.tokenizer().decode(&sequence.completion)?, "green<|im_end|>");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// A vocabulary that is too small or too large, a special token that is empty or repeated, and no text at all.
///
/// # Source
/// Sennrich et al. 2016, Sec. 3.2, over bytes as in GPT-2; settings are those of Qwen2's tokenizer.
pub fn train_tokenizer(
    texts: impl Iterator<Item = String> + Send,
    config: &TokenizerTraining,
) -> Result<TrainedTokenizer, TokenizerTrainingError> {
    let special_tokens = special_tokens(&config.special_tokens)?;
    let least = BYTES + special_tokens.len();
    if config.vocab_size < least {
        return Err(invalid(format!(
            "a vocabulary of {} is too small: 256 bytes and the special tokens alone are {least}",
            config.vocab_size
        )));
    }
    if config.vocab_size > MOST_TOKENS {
        return Err(invalid(format!(
            "a vocabulary of {} is too large: it may have {MOST_TOKENS}",
            config.vocab_size
        )));
    }
    let mut texts = texts.filter(|text| !text.is_empty()).peekable();
    if texts.peek().is_none() {
        return Err(invalid("there is no text to train a tokenizer on".to_owned()));
    }
    let inner = learn(texts, config.vocab_size - special_tokens.len(), config.min_frequency, &special_tokens)
        .map_err(|source| TokenizerTrainingError::Train { source })?;
    Ok(TrainedTokenizer { inner, special_tokens, chat_format: config.chat_format })
}

fn special_tokens(further: &[String]) -> Result<Vec<String>, TokenizerTrainingError> {
    let mut tokens = [END_OF_TEXT, TURN_START, TURN_END].map(str::to_owned).to_vec();
    for token in further {
        if token.is_empty() || tokens.contains(token) {
            return Err(invalid(format!("the special token {token:?} is empty or given twice")));
        }
        tokens.push(token.clone());
    }
    Ok(tokens)
}

fn learn(
    texts: impl Iterator<Item = String> + Send,
    vocab_size: usize,
    min_frequency: u64,
    special_tokens: &[String],
) -> tokenizers::Result<Tokenizer> {
    let mut tokenizer = Tokenizer::new(ModelWrapper::from(BPE::default()));
    let words = Split::new(SplitPattern::Regex(WORDS.to_owned()), SplitDelimiterBehavior::Isolated, false)?;
    let bytes = ByteLevel::new(false, true, false);
    tokenizer
        .with_normalizer(Some(NFC))?
        .with_pre_tokenizer(Some(Sequence::new(vec![words.into(), bytes.into()])))
        .with_decoder(Some(ByteLevel::default()))
        .with_post_processor(Some(ByteLevel::new(true, false, true)));
    let trainer = BpeTrainer::builder()
        .show_progress(false)
        .vocab_size(vocab_size)
        .min_frequency(min_frequency)
        .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
        .build();
    tokenizer.train(&mut TrainerWrapper::from(trainer), texts)?;
    tokenizer.add_special_tokens(special_tokens.iter().map(|token| AddedToken::from(token.clone(), true)))?;
    Ok(tokenizer)
}

impl TrainedTokenizer {
    /// Tokens in all, special ones included: the least `vocab_size` of a model for it.
    #[must_use]
    pub fn vocab_size(&self) -> usize {
        self.inner.get_vocab_size(true)
    }

    /// The id of a token given by its text.
    #[must_use]
    pub fn token_id(&self, token: &str) -> Option<u32> {
        self.inner.token_to_id(token)
    }

    /// Writes `tokenizer.json` and `tokenizer_config.json`; existing ones are replaced.
    ///
    /// `<|im_end|>` ends a sequence, `<|endoftext|>` pads.
    ///
    /// # Errors
    /// A folder or file that cannot be written.
    pub fn write(&self, dir: &Path) -> Result<(), TokenizerTrainingError> {
        fs::create_dir_all(dir)
            .map_err(|source| TokenizerTrainingError::Folder { path: dir.to_owned(), source })?;
        let tokenizer =
            self.inner.to_string(true).map_err(|source| TokenizerTrainingError::Train { source })?;
        write_text(&dir.join("tokenizer.json"), &tokenizer)?;
        write_text(&dir.join("tokenizer_config.json"), &format!("{:#}\n", self.config()))
    }

    fn config(&self) -> Value {
        let described = |token: &String| {
            let id = self.token_id(token)?;
            let token = json!({
                "content": token, "lstrip": false, "normalized": false, "rstrip": false, "single_word": false,
                "special": true,
            });
            Some((id.to_string(), token))
        };
        let decoder: serde_json::Map<_, _> = self.special_tokens.iter().filter_map(described).collect();
        json!({
            "add_prefix_space": false,
            "added_tokens_decoder": decoder,
            "additional_special_tokens": self.special_tokens[1..],
            "bos_token": null,
            "chat_template": self.chat_format.template(),
            "clean_up_tokenization_spaces": false,
            "eos_token": TURN_END,
            "errors": "replace",
            "pad_token": END_OF_TEXT,
            "split_special_tokens": false,
            "tokenizer_class": "Qwen2Tokenizer",
            "unk_token": null,
        })
    }
}

fn write_text(path: &Path, text: &str) -> Result<(), TokenizerTrainingError> {
    Ok(write_file(path, text)?)
}
