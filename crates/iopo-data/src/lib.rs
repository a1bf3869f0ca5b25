#![doc = include_str!("../README.md")]

mod dataset;
mod encode;
mod example;
mod ordered;
mod sequence;
mod template;
mod tokenizer;
mod trie;

pub use dataset::{DatasetError, DatasetRows, load_dataset, stream_dataset, stream_texts};
pub use encode::{
    DropReason, DroppedRows, EncodeError, EncodeReport, EncodedExample, EncodedRow, Encoder, LengthPolicy,
    Lengths, PrepareError, infer_seqlen,
};
pub use example::{ExampleText, Task, TaskError, TextExample};
pub use ordered::ThreadsError;
pub use sequence::TokenSequence;
pub use template::{RenderTime, RenderTimeError, Template, TemplateEncoder, TemplateError};
pub use tokenizer::{
    ChatFormat, TextTokenizer, TokenizerError, TokenizerTraining, TokenizerTrainingError, TrainedTokenizer,
    train_tokenizer,
};
pub use trace_schema::{Message, Role, RowLocation, UnknownLabels};
pub use trie::{Prediction, Segment, TokenTrie, TrieBatch, TrieError};
