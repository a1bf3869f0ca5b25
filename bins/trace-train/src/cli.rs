//! The command line.

use std::num::NonZero;
use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand};
use iopo_cli::DeviceChoice;

/// Trains language models on preference groups: IOPO, DPO, SimPO, ORPO and SFT.
#[derive(Debug, Parser)]
#[command(version, about)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
    /// Most threads that compute and prepare data; one for each core by default, and at most four for each, or 16.
    /// Results do not depend on it.
    #[arg(long, global = true)]
    pub threads: Option<NonZero<usize>>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Train as a configuration says.
    Run(RunArgs),
    /// Train a small model from random weights, then IOPO, on instructions whose every constraint a program checks.
    Quickstart(QuickstartArgs),
    /// Merge an adapter into its model, and write a folder that transformers and vLLM load.
    Export(ExportArgs),
    /// Train a tokenizer on texts, for a model that is trained from scratch.
    Tokenizer(TokenizerArgs),
    /// List every key of a configuration: its type, default, range and meaning.
    Keys(KeysArgs),
    /// List the devices that this program can train on.
    Devices,
}

#[derive(Debug, Args)]
pub struct KeysArgs {
    /// As the Markdown tables of docs/configuration.md.
    #[arg(long)]
    pub markdown: bool,
}

#[derive(Debug, Args)]
pub struct RunArgs {
    /// A YAML file with LLaMA-Factory's keys.
    pub config: PathBuf,
    /// Values that override the file's.
    #[arg(value_name = "KEY=VALUE")]
    pub overrides: Vec<String>,
    /// Where to train: `auto`, `cpu`, `cuda:N`, or `wgpu[:N]`.
    #[arg(long, default_value = "auto")]
    pub device: DeviceChoice,
}

#[derive(Debug, Args)]
pub struct QuickstartArgs {
    /// Where models, rows and the report are written.
    #[arg(long, default_value = "iopo-quickstart")]
    pub out: PathBuf,
    /// Seed of the world, of the weights and of the shuffling.
    #[arg(long, default_value_t = 42)]
    pub seed: u32,
    /// Print the table as one line of JSON.
    #[arg(long)]
    pub json: bool,
    /// As small as it can be, to see whether it runs; the numbers mean nothing.
    #[arg(long, hide = true)]
    pub smoke: bool,
    /// Where to train: `auto`, `cpu`, `cuda:N`, or `wgpu[:N]`.
    #[arg(long, default_value = "cpu")]
    pub device: DeviceChoice,
}

#[derive(Debug, Args)]
pub struct ExportArgs {
    /// The model: a Hugging Face folder.
    #[arg(long)]
    pub model: PathBuf,
    /// Its adapter: a PEFT folder.
    #[arg(long)]
    pub adapter: PathBuf,
    /// Where the merged model goes; must not exist yet.
    #[arg(long)]
    pub out: PathBuf,
    /// Float type of the merged weights: float32, bfloat16 or float16.
    #[arg(long, default_value = "float32")]
    pub dtype: String,
}

#[derive(Debug, Args)]
pub struct TokenizerArgs {
    /// Dataset files in any format that `run` reads, or rows of the form {"text": ...}; prompts and responses alike
    /// are learned from.
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    pub data: Vec<PathBuf>,
    /// Tokens in all, special ones included; few texts give fewer.
    #[arg(long)]
    pub vocab_size: usize,
    /// How often two neighbours must stand together to become one token.
    #[arg(long, default_value_t = 2)]
    pub min_frequency: u64,
    /// The chat template that is written: `qwen2` has a default system text, `plain` has none.
    #[arg(long, default_value = "plain", value_parser = PossibleValuesParser::new(["plain", "qwen2"]))]
    pub chat_template: String,
    /// Where tokenizer.json and tokenizer_config.json go; must not hold a tokenizer yet.
    #[arg(long)]
    pub out: PathBuf,
}
