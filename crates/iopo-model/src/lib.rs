//! Qwen2 and Llama decoders on burn, with Hugging Face weights and LoRA.
