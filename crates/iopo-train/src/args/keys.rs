//! Keys of LLaMA-Factory and transformers that have no meaning here, or none yet.

use serde_json::Value;

/// Accepted; the text says what happens instead.
pub(super) const IGNORED: &[(&str, &str)] = &[
    ("dataloader_num_workers", "rows are prepared before training starts"),
    ("ddp_find_unused_parameters", "training runs on one device"),
    ("ddp_timeout", "training runs on one device"),
    ("deepspeed", "training runs on one device, without DeepSpeed"),
    ("disable_gradient_checkpointing", "every layer's activations are kept"),
    ("disable_tqdm", "the progress bar is drawn on a terminal only"),
    ("do_eval", "eval_strategy decides when to evaluate"),
    ("flash_attn", "attention runs on burn's own operations"),
    ("gradient_checkpointing", "every layer's activations are kept"),
    ("include_num_input_tokens_seen", "trainer_log.jsonl always counts tokens"),
    ("low_cpu_mem_usage", "weights are read straight from the mapped file"),
    ("overwrite_cache", "rows are encoded anew in every run"),
    ("preprocessing_num_workers", "rows are prepared by the process itself"),
    ("remove_unused_columns", "only the columns that a stage needs are read"),
    ("report_to", "metrics go to trainer_log.jsonl and trainer_state.json"),
    ("run_name", "a run is named by its output_dir"),
    ("tf32", "the device's own arithmetic is used"),
    ("tokenized_path", "rows are encoded anew in every run"),
    ("trust_remote_code", "no code is loaded from model folders"),
    ("use_cpu", "--device chooses the device"),
    ("use_fast_tokenizer", "tokenizer.json is always used"),
];

/// Refused unless harmless: key, harmless value, reason.
pub(super) const UNSUPPORTED: &[(&str, &str, &str)] = &[
    ("additional_target", "", "only linear layers are adapted"),
    ("flan_mixing", "false", "mix the files before training"),
    ("freeze_trainable_layers", "2", "use finetuning_type: full or lora"),
    ("galore_rank", "16", "GaLore is not implemented"),
    ("load_best_model_at_end", "false", "choose among the saved checkpoints"),
    ("lora_dropout", "0", "adapters are trained without dropout"),
    ("mask_history", "false", "only the last turn is ever trained on"),
    ("mix_strategy", "concat", "datasets are concatenated"),
    ("neat_packing", "false", "batches have no padding, so there is nothing to pack"),
    ("neftune_noise_alpha", "0", "NEFTune is not implemented"),
    ("optim", "adamw_torch", "AdamW is the only optimizer"),
    ("packing", "false", "batches have no padding, so there is nothing to pack"),
    ("pissa_init", "false", "PiSSA is not implemented"),
    ("quantization_bit", "0", "weights are f32, bf16 or f16"),
    ("ref_model", "", "the reference is the model as it is at the start"),
    ("ref_model_adapters", "", "the reference is the model as it is at the start"),
    ("rope_scaling", "", "positions are those of the model's config.json"),
    ("streaming", "false", "rows are read before training starts"),
    ("train_on_prompt", "false", "only completions are trained on"),
    ("use_badam", "false", "BAdam is not implemented"),
    ("use_dora", "false", "DoRA is not implemented"),
    ("use_galore", "false", "GaLore is not implemented"),
];

/// The line for an ignored key; none where the value asks for what happens anyway.
pub(super) fn notice_for(key: &str, value: &Value) -> Option<String> {
    let silent = matches!((key, value), ("report_to", Value::String(text)) if text == "none")
        || matches!((key, value), ("disable_gradient_checkpointing", Value::Bool(true)))
        || matches!((key, value), ("gradient_checkpointing", Value::Bool(false)));
    if silent {
        return None;
    }
    IGNORED.iter().find(|(name, _)| *name == key).map(|(_, text)| (*text).to_owned())
}
