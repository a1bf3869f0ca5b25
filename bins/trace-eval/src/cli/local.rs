//! The arguments about a model that answers in this process.

use std::num::NonZero;
use std::path::PathBuf;

use clap::Args;

/// Arguments about endpoints alone.
const OF_ENDPOINTS: [&str; 11] = [
    "endpoint",
    "api_key_env",
    "concurrency",
    "timeout",
    "attempts",
    "retry_delay",
    "input_price",
    "output_price",
    "max_cost",
    "max_questions",
    "max_total_tokens",
];

/// A model that answers in this process, and how.
#[derive(Debug, Args)]
pub(crate) struct LocalArgs {
    /// Answer with the model in a Hugging Face folder, in this process.
    ///
    /// Settings that are not given are those of its generation_config.json. With a temperature above 0 tokens are
    /// sampled, with 0 decoding is greedy. Without a limit of tokens anywhere, an answer ends at 1,024.
    #[arg(long, value_name = "DIR", conflicts_with_all = OF_ENDPOINTS)]
    pub(crate) model_dir: Option<PathBuf>,

    /// A PEFT folder: the model answers with this adapter.
    #[arg(long, value_name = "DIR", requires = "model_dir")]
    pub(crate) adapter: Option<PathBuf>,

    /// How conversations are rendered: `chat`, the template that comes with the tokenizer, `qwen` or `llama3`.
    #[arg(long, value_name = "NAME", requires = "model_dir", default_value = "chat")]
    pub(crate) template: String,

    /// The date or time, in UTC, that a chat template prints which asks for it, such as 2024-07-26; by default that at
    /// which the journal's first run started.
    #[arg(long, value_name = "DATE", requires = "model_dir")]
    pub(crate) template_date: Option<String>,

    /// Float type of the weights: float32, bfloat16 or float16.
    #[arg(long, value_name = "TYPE", requires = "model_dir", default_value = "float32")]
    pub(crate) dtype: String,

    /// Sample among so many of the most probable tokens; 0 for all.
    #[arg(long, value_name = "K", requires = "model_dir")]
    pub(crate) top_k: Option<usize>,

    /// Make earlier tokens less probable, if above 1.
    #[arg(long, value_name = "P", requires = "model_dir")]
    pub(crate) repetition_penalty: Option<f64>,

    /// Prompts that are handed to the model together; on the CPU no answer depends on it.
    #[arg(long, value_name = "N", requires = "model_dir", default_value = "256")]
    pub(crate) batch_size: NonZero<usize>,

    /// Where the model answers: `auto`, `cpu`, `cuda:N`, or `wgpu[:N]`.
    #[arg(long, value_name = "DEVICE", requires = "model_dir", default_value = "auto")]
    pub(crate) device: String,

    /// Most threads that compute; one for each core by default, and at most four for each, or 16. No answer depends on
    /// it.
    #[arg(long, value_name = "N", requires = "model_dir")]
    pub(crate) threads: Option<NonZero<usize>>,
}
