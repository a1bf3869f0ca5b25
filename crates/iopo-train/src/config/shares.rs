//! The metrics of answers to `eval_prompts`: an evaluator measures them, and the checks of a configuration know which
//! way they point.

use super::EvalPromptsConfig;

impl EvalPromptsConfig {
    /// Shares over prompts of the verifiable world: of instructions followed whole, and of constraints.
    pub const WORLD_SHARES: [&'static str; 2] = ["if", "if_constraints"];

    /// Shares over prompts of IFEval: prompt-level strict and loose, instruction-level strict and loose.
    pub const IFEVAL_SHARES: [&'static str; 4] = ["if_strict", "if_loose", "if_inst_strict", "if_inst_loose"];

    /// Endings of names where answers are decoded in both ways.
    pub const DECODINGS: [&'static str; 2] = ["_greedy", "_sampled"];

    /// The prefix of the names of the reference's metrics.
    pub const REFERENCE: &'static str = "ref_";

    /// Whether a metric, without `eval_`, is one of these shares, of which more is better.
    #[must_use]
    pub fn is_share(metric: &str) -> bool {
        let suffix = Self::DECODINGS.iter().find_map(|suffix| metric.strip_suffix(suffix));
        let name = suffix.unwrap_or(metric);
        Self::WORLD_SHARES.contains(&name) || Self::IFEVAL_SHARES.contains(&name)
    }

    /// Whether a metric, without `eval_`, is such a share of the reference, which no update changes.
    #[must_use]
    pub fn is_reference_share(metric: &str) -> bool {
        metric.strip_prefix(Self::REFERENCE).is_some_and(Self::is_share)
    }
}
