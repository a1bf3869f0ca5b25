//! Files that a model trained from scratch needs beside its weights.

use std::path::Path;

use iopo_data::{TemplateEncoder, TextTokenizer};
use iopo_files::write_file;
use serde_json::{Value, json};

use crate::config::TrainConfig;
use crate::error::TrainError;

const GENERATION: &str = "generation_config.json";

/// Writes which tokens end an answer, unless the starting folder says so itself.
///
/// They are the token that the template ends a response with, which is the one that was learned, and
/// those of the tokenizer.
pub(crate) fn write_generation_config(config: &TrainConfig, dir: &Path) -> Result<(), TrainError> {
    if config.model.join(GENERATION).is_file() {
        return Ok(());
    }
    let tokenizer = TextTokenizer::from_dir(&config.model)?;
    let template = TemplateEncoder::new(tokenizer, config.data.template)?;
    let tokenizer = template.tokenizer();
    let mut stops = vec![template.eos_id()];
    stops.extend(tokenizer.eos_ids().iter().filter(|&&id| id != template.eos_id()));
    let stops = if let [stop] = stops[..] { Value::from(stop) } else { Value::from(stops) };
    let mut value = json!({ "eos_token_id": stops, "pad_token_id": tokenizer.pad_id() });
    if let Some(bos) = tokenizer.bos_id() {
        value["bos_token_id"] = Value::from(bos);
    }
    Ok(write_file(dir.join(GENERATION), format!("{value:#}\n"))?)
}
