//! Files of models and runs.

use std::fs;
use std::path::Path;

use iopo_data::TextTokenizer;
use iopo_model::WeightFiles;
use iopo_train::TrainArgs;

use crate::scratch::{model_folder, with_file};

/// A safetensors file: its header, and the shapes that it names.
pub(crate) fn safetensors(bytes: &[u8]) {
    with_file("model.safetensors", bytes, |path| {
        if let Ok(weights) = WeightFiles::open_file(path) {
            let named = weights.names().filter_map(|name| weights.shape(name)).count();
            assert_eq!(named, weights.names().count(), "every name has a shape");
        }
    });
}

/// A `tokenizer.json`, which then encodes and decodes a text.
pub(crate) fn tokenizer(bytes: &[u8]) {
    const TEXT: &str = "Name a colour.\n\n  Blaue Töne, 3.14 and 你好!  <|im_end|>";
    with_file("tokenizer.json", bytes, |path| {
        let folder = path.parent().unwrap_or(Path::new("."));
        let config = model_folder().join("tokenizer_config.json");
        if fs::copy(config, folder.join("tokenizer_config.json")).is_err() {
            return;
        }
        if let Ok(tokenizer) = TextTokenizer::from_dir(folder)
            && let Ok(ids) = tokenizer.encode(TEXT)
        {
            let _ = tokenizer.decode(&ids);
        }
    });
}

/// The YAML file of a training run.
pub(crate) fn yaml(bytes: &[u8]) {
    if let Ok(text) = str::from_utf8(bytes) {
        let _ = TrainArgs::from_yaml(text, Path::new("run.yaml"), &[]);
    }
}
