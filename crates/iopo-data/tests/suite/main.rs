//! What the crate promises, file by file.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod chat_template;
mod common;
mod dataset_errors;
mod dataset_formats;
mod encode_golden;
mod exports;
mod fixed_templates;
mod foreign_files;
mod length_policies;
mod row_rules;
mod streams;
mod template_golden;
mod template_limits;
mod tokenizer;
mod train_tokenizer;
mod trie_laws;
