//! `trace-train tokenizer`.

use anyhow::{Context, Result, ensure};
use iopo_cli::say;
use iopo_data::{ChatFormat, DatasetError, TokenizerTraining, stream_texts, train_tokenizer};
use iopo_files::try_folder;

use crate::cli::TokenizerArgs;

/// Reads all texts, learns a tokenizer, and writes its folder.
pub fn run(args: &TokenizerArgs) -> Result<()> {
    try_folder(&args.out)?;
    for name in ["tokenizer.json", "tokenizer_config.json"] {
        let taken = args.out.join(name);
        ensure!(!taken.exists(), "{} exists already", taken.display());
    }
    let chat_format = ChatFormat::from_name(&args.chat_template)
        .with_context(|| format!("unknown chat template `{}`", args.chat_template))?;
    let config = TokenizerTraining {
        vocab_size: args.vocab_size,
        min_frequency: args.min_frequency,
        special_tokens: Vec::new(),
        chat_format,
    };
    let texts = texts(args)?;
    let count = texts.len();
    let tokenizer = train_tokenizer(texts.into_iter(), &config)?;
    tokenizer.write(&args.out)?;
    say(format!("{}: {} tokens, learned from {count} texts", args.out.display(), tokenizer.vocab_size()))
}

fn texts(args: &TokenizerArgs) -> Result<Vec<String>, DatasetError> {
    let mut texts = Vec::new();
    for file in &args.data {
        for text in stream_texts(file)? {
            texts.push(text?);
        }
    }
    Ok(texts)
}
