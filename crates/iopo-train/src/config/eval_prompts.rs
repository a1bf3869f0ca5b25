//! Which prompts are answered at evaluations, and how.

use std::path::PathBuf;

use iopo_model::GenerationConfig;

use super::IntervalStrategy;
use super::checker::Checker;
use crate::args::{Decoding, TrainArgs};

/// Prompts that are answered at every evaluation, and how answers are decoded.
#[derive(Debug, Clone, PartialEq)]
pub struct EvalPromptsConfig {
    /// Files of prompts.
    pub files: Vec<PathBuf>,
    /// Whether each prompt gets a greedy answer.
    pub greedy: bool,
    /// Sampled answers for each prompt.
    pub samples: usize,
    /// How they are sampled; a greedy answer uses the length alone.
    pub generation: GenerationConfig,
    /// Prompts whose answers are written to `eval_answers`.
    pub logged: usize,
}

impl Checker {
    pub(super) fn eval_prompts(
        &mut self,
        args: &TrainArgs,
        eval: IntervalStrategy,
    ) -> Option<EvalPromptsConfig> {
        const SAMPLING: [&str; 5] =
            ["eval_num_samples", "eval_temperature", "eval_top_p", "eval_top_k", "eval_seed"];
        let idle = match () {
            () if args.eval_prompts.is_empty() => Some("there are no eval_prompts"),
            () if eval == IntervalStrategy::No => Some("eval_strategy is no"),
            () => None,
        };
        if let Some(reason) = idle {
            let keys = ["eval_prompts", "eval_decoding", "eval_max_new_tokens", "eval_log_answers"];
            self.no_effect(args, &[&keys[..], &SAMPLING].concat(), reason);
            return None;
        }
        if args.eval_decoding == Decoding::Greedy {
            self.no_effect(args, &SAMPLING, "eval_decoding is greedy");
        }
        Some(EvalPromptsConfig {
            files: args.eval_prompts.iter().map(|file| locate(file, &args.dataset_dir)).collect(),
            greedy: args.eval_decoding != Decoding::Sampled,
            samples: if args.eval_decoding == Decoding::Greedy { 0 } else { args.eval_num_samples },
            generation: GenerationConfig {
                max_new_tokens: args.eval_max_new_tokens,
                temperature: args.eval_temperature,
                top_p: args.eval_top_p,
                top_k: args.eval_top_k,
                seed: args.eval_seed.unwrap_or(args.seed),
                ..GenerationConfig::default()
            },
            logged: args.eval_log_answers,
        })
    }
}

/// A file as it is written, else in `dataset_dir`, as for datasets.
fn locate(file: &str, dataset_dir: &str) -> PathBuf {
    let written = PathBuf::from(file);
    let beside_data = PathBuf::from(dataset_dir).join(file);
    if !written.is_file() && beside_data.is_file() { beside_data } else { written }
}
