//! Verdicts of verifiers on answers, and the shares that they give.

use std::collections::BTreeMap;

use iopo_train::EvalPromptsConfig;
use serde::Serialize;
use trace_score::ifeval::{Checker, PromptVerdict};

use super::prompts::Rule;

/// The verdict on one answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub(super) enum Verdict {
    /// By IFEval's checker.
    Ifeval {
        /// Whether every instruction is followed.
        strict: bool,
        /// Whether some form of the answer follows every instruction.
        loose: bool,
        /// Instruction by instruction.
        strict_instructions: Vec<bool>,
        /// Instruction by instruction.
        loose_instructions: Vec<bool>,
    },
    /// By the world's verifiers.
    World {
        /// Whether every constraint and every default of the description holds.
        followed: bool,
        /// Constraint by constraint.
        constraints: Vec<bool>,
    },
}

impl Rule {
    /// The verdict on an answer.
    pub(super) fn check(&self, checker: &Checker, answer: &str) -> Verdict {
        match self {
            Self::Ifeval(prompt) => {
                let verdict = PromptVerdict::new(checker, prompt, answer);
                Verdict::Ifeval {
                    strict: verdict.strict(),
                    loose: verdict.loose(),
                    strict_instructions: verdict.instructions.iter().map(|one| one.strict).collect(),
                    loose_instructions: verdict.instructions.iter().map(|one| one.loose).collect(),
                }
            }
            Self::World(task) => {
                let verdict = task.verdict(answer);
                Verdict::World { followed: verdict.followed(), constraints: verdict.constraints }
            }
        }
    }

    /// The format's name in files.
    pub(super) const fn format(&self) -> &'static str {
        match self {
            Self::Ifeval(_) => "ifeval",
            Self::World(_) => "world",
        }
    }

    /// The names of the shares that it counts for.
    pub(super) const fn shares(&self) -> &'static [&'static str] {
        match self {
            Self::Ifeval(_) => &EvalPromptsConfig::IFEVAL_SHARES,
            Self::World(_) => &EvalPromptsConfig::WORLD_SHARES,
        }
    }
}

/// How many of how many held, by the names of the shares.
#[derive(Debug, Default)]
pub(super) struct Tally(BTreeMap<&'static str, (usize, usize)>);

impl Tally {
    pub(super) fn of<'a>(verdicts: impl IntoIterator<Item = &'a Verdict>) -> Self {
        let mut tally = Self::default();
        for verdict in verdicts {
            match verdict {
                Verdict::Ifeval { strict, loose, strict_instructions, loose_instructions } => {
                    let [strict_name, loose_name, strict_each, loose_each] = EvalPromptsConfig::IFEVAL_SHARES;
                    tally.add(strict_name, &[*strict]);
                    tally.add(loose_name, &[*loose]);
                    tally.add(strict_each, strict_instructions);
                    tally.add(loose_each, loose_instructions);
                }
                Verdict::World { followed, constraints } => {
                    let [followed_name, each] = EvalPromptsConfig::WORLD_SHARES;
                    tally.add(followed_name, &[*followed]);
                    tally.add(each, constraints);
                }
            }
        }
        tally
    }

    fn add(&mut self, name: &'static str, held: &[bool]) {
        let entry = self.0.entry(name).or_default();
        entry.0 += held.iter().filter(|held| **held).count();
        entry.1 += held.len();
    }

    /// Held / all, by name; a share of nothing is left out.
    pub(super) fn shares(&self) -> impl Iterator<Item = (&'static str, f64)> {
        let some = self.0.iter().filter(|(_, (_, all))| *all > 0);
        some.map(|(name, (held, all))| (*name, *held as f64 / *all as f64))
    }
}
