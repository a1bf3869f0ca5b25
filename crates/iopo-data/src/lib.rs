//! Chat templates, tokenisation, token tries and batches for preference training.

mod message;
mod sequence;
mod template;
mod tokenizer;
mod trie;

pub use message::{Message, Role};
pub use sequence::TokenSequence;
pub use template::{Template, TemplateEncoder, TemplateError};
pub use tokenizer::{TextTokenizer, TokenizerError};
pub use trie::{Prediction, Segment, TokenTrie, TrieBatch, TrieError};
