#![doc = include_str!("../README.md")]

mod dataset;
mod encode;
mod example;
mod message;
mod sequence;
mod template;
mod tokenizer;
mod trie;

pub use dataset::{DatasetError, FieldError, load_dataset};
pub use encode::{
    DropReason, DroppedRows, EncodeError, EncodeReport, EncodedExample, Encoder, LengthPolicy, Lengths,
    infer_seqlen,
};
pub use example::{ExampleText, Task, TaskError, TextExample};
pub use message::{Message, Role};
pub use sequence::TokenSequence;
pub use template::{Template, TemplateEncoder, TemplateError};
pub use tokenizer::{TextTokenizer, TokenizerError};
pub use trace_schema::{RowLocation, UnknownLabels};
pub use trie::{Prediction, Segment, TokenTrie, TrieBatch, TrieError};
