//! A model's folder, loaded for answering.

use std::path::PathBuf;

use burn::module::Module;
use burn::tensor::Device;
use iopo_data::Template;
use iopo_model::{CausalLm, GenerationConfig, Precision, load_adapter, load_model};
use sha2::{Digest, Sha256};

use crate::digest::{add_folder, hexadecimal};
use crate::error::AnswerError;
use crate::respondent::Respondent;

/// Longest answer by default: benchmarks ask for texts of several hundred words.
const MAX_NEW_TOKENS: usize = 1_024;

/// Where a model lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelFiles {
    /// A Hugging Face folder.
    pub model: PathBuf,
    /// A PEFT folder of an adapter on it.
    pub adapter: Option<PathBuf>,
}

impl ModelFiles {
    /// SHA-256 of the files that decide answers, in hexadecimal digits.
    ///
    /// # Errors
    /// Folders and files that cannot be read.
    pub fn digest(&self) -> Result<String, AnswerError> {
        let mut hash = Sha256::new();
        add_folder(&mut hash, &self.model)?;
        if let Some(adapter) = &self.adapter {
            hash.update(b"adapter");
            add_folder(&mut hash, adapter)?;
        }
        Ok(hexadecimal(hash))
    }

    /// The sampling settings of the folder's `generation_config.json`, with the end tokens of the adapter's besides;
    /// `max_new_tokens` is 1,024 where it has none.
    ///
    /// # Errors
    /// As [`GenerationConfig::from_dir`].
    pub fn generation_config(&self) -> Result<GenerationConfig, AnswerError> {
        let base = GenerationConfig { max_new_tokens: MAX_NEW_TOKENS, ..GenerationConfig::default() };
        let mut config = base.updated_from_dir(&self.model)?;
        if let Some(adapter) = &self.adapter {
            // The tokens that ended answers when the adapter was trained.
            let ends = GenerationConfig::from_dir(adapter)?.eos_token_ids;
            let known = config.eos_token_ids.clone();
            config.eos_token_ids.extend(ends.into_iter().filter(|id| !known.contains(id)));
        }
        Ok(config)
    }
}

/// A model with everything that it needs to answer.
#[derive(Debug, Clone)]
pub struct LocalModel {
    /// The weights, frozen, without autodiff.
    pub model: CausalLm,
    /// From text to tokens and back.
    pub respondent: Respondent,
}

impl LocalModel {
    /// Reads a folder, and the adapter on it.
    ///
    /// # Errors
    /// Files that are missing, broken, or do not belong to one another.
    pub fn load(
        files: &ModelFiles,
        template: Template,
        precision: Precision,
        device: &Device,
    ) -> Result<Self, AnswerError> {
        // The cheap part first: a wrong template should not cost the loading of a large model.
        let respondent = Respondent::from_dir(&files.model, template)?;
        let mut model = load_model(&files.model, precision, &device.clone().without_autodiff())?;
        if let Some(adapter) = &files.adapter {
            model = load_adapter(model, adapter)?;
        }
        Ok(Self { model: model.valid(), respondent })
    }
}
