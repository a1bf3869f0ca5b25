use std::path::PathBuf;

/// A tokenizer that cannot be read or does not fit.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenizerError {
    /// A required file is not in the folder.
    #[error("{} is missing: a tokenizer folder holds tokenizer.json and tokenizer_config.json", path.display())]
    Missing {
        /// The file looked for.
        path: PathBuf,
    },
    /// A file is there and cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file was read and is not what its name promises.
    #[error("{} is malformed", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What the parser said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A special token of the configuration is not in the vocabulary.
    #[error("{} names \"{token}\" as {role}, which is not in the vocabulary of tokenizer.json", path.display())]
    UnknownToken {
        /// The configuration file.
        path: PathBuf,
        /// Its key.
        role: &'static str,
        /// The token's text.
        token: String,
    },
    /// Neither configuration file says which token ends a sequence.
    #[error("{} names no eos_token, and generation_config.json no eos_token_id", path.display())]
    NoEos {
        /// `tokenizer_config.json`.
        path: PathBuf,
    },
    /// An id that the model has no embedding for.
    #[error(
        "this tokenizer does not belong to this model: it has ids up to {largest_id}, the model's vocab_size is {model_vocab_size}"
    )]
    VocabularyTooLarge {
        /// The largest id of the tokenizer.
        largest_id: u32,
        /// Rows of the model's embedding.
        model_vocab_size: usize,
    },
    /// The tokenizer refused a text.
    #[error("the tokenizer cannot encode a text of {bytes} bytes")]
    Encode {
        /// Length of the text.
        bytes: usize,
        /// What the tokenizer said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The tokenizer refused some ids.
    #[error("the tokenizer cannot decode {tokens} tokens")]
    Decode {
        /// Number of ids.
        tokens: usize,
        /// What the tokenizer said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
