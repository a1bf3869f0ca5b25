//! Which prompts are answered at evaluations, and how.

use std::path::PathBuf;

use iopo_model::GenerationConfig;

use super::IntervalStrategy;
use super::checker::{Checker, no_effect};
use crate::args::TrainArgs;

/// Prompts that are answered at every evaluation, and how answers are decoded.
#[derive(Debug, Clone, PartialEq)]
pub struct EvalPromptsConfig {
    /// Files of prompts.
    pub files: Vec<PathBuf>,
    /// Whether each prompt gets its most likely answer.
    pub greedy: bool,
    /// Answers that are drawn for each prompt besides.
    pub samples: usize,
    /// How they are drawn; of the most likely answer, the length alone.
    pub generation: GenerationConfig,
    /// Prompts whose answers are written to `eval_answers`.
    pub logged: usize,
}

/// Greedy, drawn.
const DECODINGS: [(&str, (bool, bool)); 3] =
    [("greedy", (true, false)), ("sampled", (false, true)), ("both", (true, true))];

impl Checker {
    /// Values are checked whether there are prompts or not.
    pub(super) fn eval_prompts(
        &mut self,
        args: &TrainArgs,
        eval: Option<IntervalStrategy>,
    ) -> Option<EvalPromptsConfig> {
        let decoding = self.named("eval_decoding", &args.eval_decoding, &DECODINGS);
        let max_new_tokens = self.at_least("eval_max_new_tokens", args.eval_max_new_tokens, 1);
        let samples = self.at_least("eval_num_samples", args.eval_num_samples, 1);
        let temperature = self.positive("eval_temperature", args.eval_temperature);
        let fits = args.eval_top_p > 0.0 && args.eval_top_p <= 1.0;
        let top_p = self.number("eval_top_p", args.eval_top_p, fits, "above 0 and at most 1");
        let top_k = self.at_least("eval_top_k", args.eval_top_k, 0);
        let seed = self.at_least("eval_seed", args.eval_seed.unwrap_or(args.seed.max(0)), 0);
        let logged = self.at_least("eval_log_answers", args.eval_log_answers, 0);
        let idle = match () {
            () if args.eval_prompts.is_empty() => Some("there are no eval_prompts"),
            () if eval == Some(IntervalStrategy::No) => Some("eval_strategy is no"),
            () => None,
        };
        if let Some(reason) = idle {
            no_effect!(
                self,
                args,
                reason,
                [
                    eval_prompts,
                    eval_decoding,
                    eval_max_new_tokens,
                    eval_num_samples,
                    eval_temperature,
                    eval_top_p,
                    eval_top_k,
                    eval_seed,
                    eval_log_answers,
                ]
            );
            return None;
        }
        let (greedy, drawn) = decoding?;
        if !drawn {
            let reason = "eval_decoding is greedy";
            no_effect!(
                self,
                args,
                reason,
                [eval_num_samples, eval_temperature, eval_top_p, eval_top_k, eval_seed]
            );
        }
        Some(EvalPromptsConfig {
            files: args.eval_prompts.iter().map(|file| found(file, &args.dataset_dir)).collect(),
            greedy,
            samples: if drawn { samples? } else { 0 },
            generation: GenerationConfig {
                max_new_tokens: max_new_tokens?,
                temperature,
                top_p,
                top_k: top_k?,
                seed: seed? as u64,
                ..GenerationConfig::default()
            },
            logged: logged?,
        })
    }
}

/// A file as it is written, else in `dataset_dir`, as datasets are found.
fn found(file: &str, dataset_dir: &str) -> PathBuf {
    let written = PathBuf::from(file);
    let beside_data = PathBuf::from(dataset_dir).join(file);
    if !written.is_file() && beside_data.is_file() { beside_data } else { written }
}
