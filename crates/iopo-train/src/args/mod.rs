//! What the user wrote: a YAML file with LLaMA-Factory's keys, and `key=value` after it.

mod error;
mod keys;
mod reader;

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde_json::{Map, Value};

pub use error::{ArgsError, Problem};
use reader::Reader;

/// More than any configuration holds, and little enough to read whatever a path leads to.
const MAX_BYTES: u64 = 1 << 20;

/// A key that is accepted and means something else here, or nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The key.
    pub key: String,
    /// What happens instead.
    pub text: String,
}

/// What the user wrote, by key; every value has the right type, its range is unchecked.
///
/// Names and defaults are LLaMA-Factory's unless the table in `docs/configuration.md` says
/// otherwise.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "each field is the key of the same name, described in docs/configuration.md")]
pub struct TrainArgs {
    pub origin: String,
    pub notices: Vec<Notice>,

    pub model_name_or_path: Option<String>,
    pub adapter_name_or_path: Option<String>,
    pub create_new_adapter: bool,
    pub train_from_scratch: bool,

    pub stage: String,
    pub do_train: bool,
    pub finetuning_type: String,
    pub lora_rank: i64,
    pub lora_alpha: Option<f64>,
    pub lora_target: Vec<String>,
    pub use_rslora: bool,
    pub pref_beta: f64,
    pub pref_loss: String,
    pub pref_ftx: f64,
    pub simpo_gamma: Option<f64>,
    pub dpo_label_smoothing: f64,
    pub iopo_label_smoothing: f64,
    pub iopo_variant: String,
    pub reference_free: bool,
    pub ref_model: Option<String>,
    pub ref_model_adapters: Option<String>,
    pub precompute_ref_log_probs: bool,
    pub reference_cache: Option<String>,

    pub dataset: Vec<String>,
    pub eval_dataset: Vec<String>,
    pub dataset_dir: String,
    pub template: Option<String>,
    pub cutoff_len: i64,
    pub length_policy: String,
    pub unknown_labels: String,
    pub max_samples: Option<i64>,
    pub val_size: f64,

    pub output_dir: Option<String>,
    pub overwrite_output_dir: bool,
    pub resume_from_checkpoint: Option<String>,
    pub logging_steps: i64,
    pub save_strategy: String,
    pub save_steps: i64,
    pub save_total_limit: Option<i64>,
    pub plot_loss: bool,

    pub per_device_train_batch_size: i64,
    pub tokens_per_batch: Option<i64>,
    pub gradient_accumulation_steps: i64,
    pub accumulate_across_epochs: bool,
    pub gradient_checkpointing: Option<bool>,
    pub disable_gradient_checkpointing: Option<bool>,
    pub group_passes: String,
    pub learning_rate: f64,
    pub num_train_epochs: f64,
    pub max_steps: i64,
    pub lr_scheduler_type: String,
    pub warmup_ratio: f64,
    pub warmup_steps: i64,
    pub weight_decay: f64,
    pub adam_beta1: f64,
    pub adam_beta2: f64,
    pub adam_epsilon: f64,
    pub max_grad_norm: f64,
    pub seed: i64,
    pub bf16: bool,
    pub fp16: bool,
    pub pure_bf16: bool,

    pub eval_strategy: String,
    pub eval_steps: Option<i64>,
    pub per_device_eval_batch_size: i64,
    pub eval_on_start: bool,
    pub eval_prompts: Vec<String>,
    pub eval_decoding: String,
    pub eval_max_new_tokens: i64,
    pub eval_num_samples: i64,
    pub eval_temperature: f64,
    pub eval_top_p: f64,
    pub eval_top_k: i64,
    pub eval_seed: Option<i64>,
    pub eval_log_answers: i64,
    pub metric_for_best_model: Option<String>,
    pub greater_is_better: Option<bool>,
    pub load_best_model_at_end: bool,
    pub early_stopping_steps: Option<i64>,
}

impl TrainArgs {
    /// Reads a YAML file, and `key=value` overrides after it.
    ///
    /// # Errors
    /// A file that cannot be read or is not YAML, an override that is not `key=value`; or all
    /// unknown keys and wrong types at once.
    pub fn from_file(path: &Path, overrides: &[String]) -> Result<Self, ArgsError> {
        let read = |source| ArgsError::Read { path: path.to_owned(), source };
        let mut text = String::new();
        let mut file = File::open(path).map_err(read)?.take(MAX_BYTES + 1);
        file.read_to_string(&mut text).map_err(read)?;
        if text.len() as u64 > MAX_BYTES {
            return Err(ArgsError::TooLarge { path: path.to_owned(), limit: MAX_BYTES });
        }
        Self::from_yaml(&text, path, overrides)
    }

    /// Reads YAML text; `path` names it in messages.
    ///
    /// # Errors
    /// As [`Self::from_file`].
    pub fn from_yaml(text: &str, path: &Path, overrides: &[String]) -> Result<Self, ArgsError> {
        let mut map = parse_yaml(text).map_err(|reason| ArgsError::Yaml { path: path.to_owned(), reason })?;
        for text in overrides {
            let (key, value) = parse_override(text)?;
            map.insert(key, value);
        }
        Self::from_map(map, path.display().to_string())
    }

    fn from_map(map: Map<String, Value>, origin: String) -> Result<Self, ArgsError> {
        let mut reader = Reader::new(map);
        let mut args = Self::read(&mut reader);
        args.notices = reader.take_notices();
        let problems = reader.finish();
        if !problems.is_empty() {
            return Err(ArgsError::Invalid { origin, problems });
        }
        args.origin = origin;
        Ok(args)
    }

    fn read(r: &mut Reader) -> Self {
        Self {
            origin: String::new(),
            notices: Vec::new(),
            model_name_or_path: r.text("model_name_or_path"),
            adapter_name_or_path: r.text("adapter_name_or_path"),
            create_new_adapter: r.flag("create_new_adapter", false),
            train_from_scratch: r.flag("train_from_scratch", false),
            stage: r.text_or("stage", "sft"),
            do_train: r.flag("do_train", true),
            finetuning_type: r.text_or("finetuning_type", "lora"),
            lora_rank: r.integer_or("lora_rank", 8),
            lora_alpha: r.number("lora_alpha"),
            lora_target: r.list("lora_target").unwrap_or_else(|| vec!["all".to_owned()]),
            use_rslora: r.flag("use_rslora", false),
            pref_beta: r.number_or("pref_beta", 0.1),
            pref_loss: r.text_or("pref_loss", "sigmoid"),
            pref_ftx: r.number_or("pref_ftx", 0.0),
            simpo_gamma: r.number("simpo_gamma"),
            dpo_label_smoothing: r.number_or("dpo_label_smoothing", 0.0),
            iopo_label_smoothing: r.number_or("iopo_label_smoothing", 0.0),
            iopo_variant: r.text_or("iopo_variant", "full"),
            reference_free: r.flag("reference_free", false),
            ref_model: r.text("ref_model"),
            ref_model_adapters: r.text("ref_model_adapters"),
            precompute_ref_log_probs: r.flag("precompute_ref_log_probs", true),
            reference_cache: r.text("reference_cache"),
            dataset: r.list("dataset").unwrap_or_default(),
            eval_dataset: r.list("eval_dataset").unwrap_or_default(),
            dataset_dir: r.text_or("dataset_dir", "data"),
            template: r.text("template"),
            cutoff_len: r.integer_or("cutoff_len", 1_024),
            length_policy: r.text_or("length_policy", "drop"),
            unknown_labels: r.text_or("unknown_labels", "error"),
            max_samples: r.integer("max_samples"),
            val_size: r.number_or("val_size", 0.0),
            output_dir: r.text("output_dir"),
            overwrite_output_dir: r.flag("overwrite_output_dir", false),
            resume_from_checkpoint: r.text_or_flag("resume_from_checkpoint"),
            logging_steps: r.integer_or("logging_steps", 10),
            save_strategy: r.text_or_flag("save_strategy").unwrap_or_else(|| "steps".to_owned()),
            save_steps: r.integer_or("save_steps", 500),
            save_total_limit: r.integer("save_total_limit"),
            plot_loss: r.flag("plot_loss", false),
            per_device_train_batch_size: r.integer_or("per_device_train_batch_size", 8),
            tokens_per_batch: r.integer("tokens_per_batch"),
            gradient_accumulation_steps: r.integer_or("gradient_accumulation_steps", 1),
            accumulate_across_epochs: r.flag("accumulate_across_epochs", false),
            gradient_checkpointing: r.flag_or_none("gradient_checkpointing"),
            disable_gradient_checkpointing: r.flag_or_none("disable_gradient_checkpointing"),
            group_passes: r.text_or("group_passes", "one"),
            learning_rate: r.number_or("learning_rate", 5e-5),
            num_train_epochs: r.number_or("num_train_epochs", 3.0),
            max_steps: r.integer_or("max_steps", -1),
            lr_scheduler_type: r.text_or("lr_scheduler_type", "linear"),
            warmup_ratio: r.number_or("warmup_ratio", 0.0),
            warmup_steps: r.integer_or("warmup_steps", 0),
            weight_decay: r.number_or("weight_decay", 0.0),
            adam_beta1: r.number_or("adam_beta1", 0.9),
            adam_beta2: r.number_or("adam_beta2", 0.999),
            adam_epsilon: r.number_or("adam_epsilon", 1e-8),
            max_grad_norm: r.number_or("max_grad_norm", 1.0),
            seed: r.integer_or("seed", 42),
            bf16: r.flag("bf16", false),
            fp16: r.flag("fp16", false),
            pure_bf16: r.flag("pure_bf16", false),
            eval_strategy: {
                // transformers renamed the key; both are in use.
                let old = r.text_or_flag("evaluation_strategy");
                r.text_or_flag("eval_strategy").or(old).unwrap_or_else(|| "no".to_owned())
            },
            eval_steps: r.integer("eval_steps"),
            per_device_eval_batch_size: r.integer_or("per_device_eval_batch_size", 8),
            eval_on_start: r.flag("eval_on_start", false),
            eval_prompts: r.list("eval_prompts").unwrap_or_default(),
            eval_decoding: r.text_or("eval_decoding", "greedy"),
            eval_max_new_tokens: r.integer_or("eval_max_new_tokens", 512),
            eval_num_samples: r.integer_or("eval_num_samples", 1),
            eval_temperature: r.number_or("eval_temperature", 1.0),
            eval_top_p: r.number_or("eval_top_p", 1.0),
            eval_top_k: r.integer_or("eval_top_k", 0),
            eval_seed: r.integer("eval_seed"),
            eval_log_answers: r.integer_or("eval_log_answers", 16),
            metric_for_best_model: r.text("metric_for_best_model"),
            greater_is_better: r.flag_or_none("greater_is_better"),
            load_best_model_at_end: r.flag("load_best_model_at_end", false),
            early_stopping_steps: r.integer("early_stopping_steps"),
        }
    }
}

#[cfg(test)]
impl TrainArgs {
    /// Every key that is read, without those that are ignored or refused.
    fn known_keys() -> Vec<&'static str> {
        let mut reader = Reader::new(Map::new());
        Self::read(&mut reader);
        reader.known().to_vec()
    }
}

/// Every key at its default; what has no default is missing.
impl Default for TrainArgs {
    fn default() -> Self {
        Self::read(&mut Reader::new(Map::new()))
    }
}

fn parse_yaml(text: &str) -> Result<Map<String, Value>, String> {
    match serde_saphyr::from_str::<Value>(text) {
        Ok(Value::Object(map)) => Ok(map),
        // An empty file, or one of comments alone: overrides may still say everything.
        Ok(Value::Null) => Ok(Map::new()),
        Ok(_) => Err("expected lines of the form `key: value`".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn parse_override(text: &str) -> Result<(String, Value), ArgsError> {
    let malformed = || ArgsError::Override { text: text.to_owned() };
    let (key, value) = text.split_once('=').ok_or_else(malformed)?;
    let key = key.trim();
    if key.is_empty() {
        return Err(malformed());
    }
    match serde_saphyr::from_str::<Value>(value) {
        Ok(value) => Ok((key.to_owned(), value)),
        Err(error) => Err(ArgsError::OverrideValue { text: text.to_owned(), reason: error.to_string() }),
    }
}

#[cfg(test)]
mod tests;
