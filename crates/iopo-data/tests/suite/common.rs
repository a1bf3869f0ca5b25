//! Where the fixtures lie, and how tests read them.

use std::path::PathBuf;

use iopo_data::{Template, TemplateEncoder, TextTokenizer};
use serde_json::Value;

pub(crate) fn fixtures() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures"))
}

pub(crate) fn golden_json(name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(fixtures().join("golden").join(name)).unwrap()).unwrap()
}

pub(crate) fn tokenizer(model: &str) -> TextTokenizer {
    TextTokenizer::from_dir(fixtures().join("models").join(model)).unwrap()
}

pub(crate) fn encoder(model: &str, template: Template) -> TemplateEncoder {
    TemplateEncoder::new(tokenizer(model), template).unwrap()
}

/// A copy of a model's tokenizer files in a folder of its own, `tokenizer_config.json`
/// edited.
pub(crate) fn edited_tokenizer(model: &str, edit: impl FnOnce(&mut Value)) -> tempfile::TempDir {
    let from = fixtures().join("models").join(model);
    let dir = tempfile::tempdir().unwrap();
    std::fs::copy(from.join("tokenizer.json"), dir.path().join("tokenizer.json")).unwrap();
    let config = std::fs::read(from.join("tokenizer_config.json")).unwrap();
    let mut config = serde_json::from_slice(&config).unwrap();
    edit(&mut config);
    std::fs::write(dir.path().join("tokenizer_config.json"), config.to_string()).unwrap();
    dir
}

pub(crate) fn ids(value: &Value) -> Vec<u32> {
    value.as_array().unwrap().iter().map(|id| id.as_u64().unwrap() as u32).collect()
}
