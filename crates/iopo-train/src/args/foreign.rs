//! Keys of LLaMA-Factory and transformers that have no meaning here, or none yet.

use serde_json::Value;

/// A key that is accepted with every value.
pub(super) struct Ignored {
    pub(super) key: &'static str,
    /// The value that asks for what happens anyway, and so needs no line.
    silent: &'static str,
    /// What happens instead.
    pub(super) text: &'static str,
}

impl Ignored {
    /// The line for a value.
    pub(super) fn notice(&self, value: &Value) -> Option<&'static str> {
        (written(value) != self.silent).then_some(self.text)
    }
}

const fn ignored(key: &'static str, silent: &'static str, text: &'static str) -> Ignored {
    Ignored { key, silent, text }
}

pub(super) const IGNORED: &[Ignored] = &[
    ignored("cache_dir", "", "models and datasets are read from where they lie"),
    ignored("dataloader_num_workers", "0", "rows are prepared before training starts"),
    ignored("dataloader_pin_memory", "false", "rows are prepared before training starts"),
    ignored("ddp_find_unused_parameters", "", "training runs on one device"),
    ignored("ddp_timeout", "", "training runs on one device"),
    ignored("deepspeed", "", "training runs on one device, without DeepSpeed"),
    ignored("disable_tqdm", "", "the progress bar is shown on a terminal only"),
    ignored("do_eval", "", "eval_strategy decides when to evaluate"),
    ignored("enable_liger_kernel", "false", "training runs on burn's own operations"),
    ignored("flash_attn", "auto", "attention runs on burn's own operations"),
    ignored("include_num_input_tokens_seen", "true", "trainer_log.jsonl always counts tokens"),
    ignored("logging_dir", "", "metrics go to trainer_log.jsonl and trainer_state.json"),
    ignored("low_cpu_mem_usage", "true", "weights are read straight from the mapped file"),
    ignored("overwrite_cache", "", "rows are encoded anew in every run"),
    ignored(
        "precompute_ref_batch_size",
        "",
        "reference log-probs are computed for tokens_per_batch tokens at a time, or 4,096; a longer example goes alone",
    ),
    ignored("preprocessing_num_workers", "", "--threads limits the threads that prepare rows"),
    ignored("remove_unused_columns", "", "only the columns that a stage needs are read"),
    ignored("report_to", "none", "metrics go to trainer_log.jsonl and trainer_state.json"),
    ignored("run_name", "", "a run is named by its output_dir"),
    ignored("save_only_model", "false", "checkpoints always hold what resuming needs"),
    ignored("save_safetensors", "true", "weights are always written as safetensors"),
    ignored("tf32", "false", "the device's own arithmetic is used"),
    ignored("tokenized_path", "", "rows are encoded anew in every run"),
    ignored("torch_compile", "false", "training runs on burn's own operations"),
    ignored("trust_remote_code", "false", "no code is loaded from model folders"),
    ignored("use_cpu", "", "--device chooses the device"),
    ignored("use_fast_tokenizer", "true", "tokenizer.json is always used"),
    ignored("use_unsloth", "false", "training runs on burn's own operations"),
];

/// A key that changes results in LLaMA-Factory and is not implemented.
pub(super) struct Unsupported {
    pub(super) key: &'static str,
    /// Values that ask for what happens anyway.
    pub(super) harmless: &'static [&'static str],
    /// Why, or what to do.
    pub(super) reason: &'static str,
}

impl Unsupported {
    /// Whether a value asks for what happens anyway.
    pub(super) fn allows(&self, value: &Value) -> bool {
        let written = written(value);
        self.harmless.iter().any(|harmless| {
            // `0` and `0.0` are the same number.
            written == *harmless || value.as_f64().is_some_and(|x| harmless.parse() == Ok(x))
        })
    }
}

const fn unsupported(
    key: &'static str,
    harmless: &'static [&'static str],
    reason: &'static str,
) -> Unsupported {
    Unsupported { key, harmless, reason }
}

const OFF: &[&str] = &["false"];
const NONE: &[&str] = &[""];
const ZERO: &[&str] = &["0"];

pub(super) const UNSUPPORTED: &[Unsupported] = &[
    unsupported("additional_target", NONE, "only linear layers are adapted"),
    unsupported("data_seed", NONE, "seed shuffles the data as well"),
    unsupported("dataloader_drop_last", OFF, "every example counts once an epoch"),
    unsupported("default_system", NONE, "write the system text into the rows"),
    unsupported("disable_shuffling", OFF, "rows are shuffled in every epoch"),
    unsupported("do_predict", OFF, "`trace-eval answer` answers; eval_prompts checks answers while training"),
    unsupported("flan_mixing", OFF, "mix the files before training"),
    unsupported("freeze_trainable_layers", &["2"], "use finetuning_type: full or lora"),
    unsupported("fsdp", NONE, "training runs on one device"),
    unsupported("galore_rank", &["16"], "GaLore is not implemented"),
    unsupported("group_by_length", OFF, "batches have no padding, so there is nothing to gain"),
    unsupported("label_smoothing_factor", ZERO, "see dpo_label_smoothing and iopo_label_smoothing"),
    unsupported("logging_first_step", OFF, "set logging_steps: 1"),
    unsupported("logging_strategy", &["steps"], "set logging_steps"),
    unsupported("lora_dropout", ZERO, "adapters are trained without dropout"),
    unsupported("loraplus_lr_ratio", NONE, "LoRA+ is not implemented"),
    unsupported("lr_scheduler_kwargs", NONE, "schedules have no further parameters"),
    unsupported("mask_history", OFF, "every answer of a conversation is trained on, each as an example"),
    unsupported("mix_strategy", &["concat"], "datasets are concatenated"),
    unsupported("neat_packing", OFF, "batches have no padding, so there is nothing to pack"),
    unsupported("neftune_noise_alpha", ZERO, "NEFTune is not implemented"),
    unsupported(
        "optim",
        &["adamw_torch", "adamw_torch_fused", "adamw_hf"],
        "AdamW, adamw_torch, is the only optimizer",
    ),
    unsupported("packing", OFF, "batches have no padding, so there is nothing to pack"),
    unsupported("pissa_init", OFF, "PiSSA is not implemented"),
    unsupported(
        "predict_with_generate",
        OFF,
        "`trace-eval answer` answers; eval_prompts checks answers while training",
    ),
    unsupported("push_to_hub", OFF, "nothing is uploaded"),
    unsupported("quantization_bit", ZERO, "weights are f32 or bf16"),
    unsupported("resize_vocab", OFF, "the vocabulary is the model's own"),
    unsupported("rope_scaling", NONE, "positions are those of the model's config.json"),
    unsupported("streaming", OFF, "rows are read before training starts"),
    unsupported("train_on_prompt", OFF, "only completions are trained on"),
    unsupported("use_badam", OFF, "BAdam is not implemented"),
    unsupported("use_dora", OFF, "DoRA is not implemented"),
    unsupported("use_galore", OFF, "GaLore is not implemented"),
    unsupported("use_llama_pro", OFF, "LLaMA Pro is not implemented"),
];

/// A value as its author wrote it, or nearly: texts without quotes.
pub(super) fn written(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
