#![doc = include_str!("../README.md")]

mod atomic;
mod attention;
mod backward;
mod branches;
mod causal_lm;
mod checkpointing;
mod config;
#[cfg(feature = "flex")]
mod cpu;
#[cfg(not(feature = "flex"))]
#[path = "cpu_absent.rs"]
mod cpu;
mod decoder;
mod error;
mod generation;
mod gradients;
mod head;
mod init;
mod layout;
mod linear;
mod llama;
mod lora;
mod mlp;
mod norm;
mod parameters;
mod peft;
mod precision;
mod pretrained;
mod qwen2;
mod rope;
mod softmax;
mod weights;

pub use attention::GroupedQueryAttention;
pub use backward::LogProbPass;
pub use causal_lm::CausalLm;
pub use checkpointing::{BackwardOptions, Checkpointing};
pub use config::{Architecture, DecoderConfig};
pub use cpu::{CpuValues, set_cpu_kernels};
pub use decoder::{DecoderLayer, DecoderModel, Embedding};
pub use error::{ConfigError, LayoutError, LoraError, WeightsError};
pub use generation::{FinishReason, GenerateError, Generated, GenerationConfig, GenerationProblem, Prompt};
pub use gradients::ParameterGradients;
pub use init::{INITIALIZER_RANGE, init_model};
pub use layout::{Predictions, SegmentSpan, TokenLayout};
pub use linear::LoraLinear;
pub use llama::LlamaConfig;
pub use lora::{LoraAdapter, LoraConfig, LoraTargets};
pub use mlp::SwiGluMlp;
pub use norm::RmsNorm;
pub use parameters::{NamedTensor, Parameters};
pub use peft::{load_adapter, save_adapter};
pub use precision::{Precision, parse_float_dtype};
pub use pretrained::{load_config, load_model, save_model};
pub use qwen2::Qwen2Config;
pub use rope::{Llama3RopeScaling, RopeConfig, RotaryEmbedding};
pub use weights::{WeightFiles, write_safetensors};
