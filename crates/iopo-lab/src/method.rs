//! The methods that are compared: the paper's, each as keys of the trainer's configuration.

use std::fmt;
use std::sync::Arc;

use iopo_train::Objective;

/// Which of the [`PreferenceFiles`](crate::PreferenceFiles) a method trains on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rows {
    /// x₁ with y₁ and a worse answer: the paper's Appendix C.
    Pairs,
    /// x₁, y₁, x₂, y₂: the paper's Appendix D.
    Groups,
}

/// A way to train on preference data.
#[derive(Debug, Clone)]
pub struct Method {
    /// A short name for files and command lines.
    pub name: &'static str,
    /// The name in tables.
    pub label: &'static str,
    /// The rows that it trains on.
    pub rows: Rows,
    /// Examples that the trainer makes of one row.
    pub examples_per_row: usize,
    /// Its number of updates as a multiple of the other methods'.
    pub steps_factor: usize,
    /// Keys of the trainer's configuration.
    pub keys: &'static [(&'static str, &'static str)],
    /// A loss that the trainer does not have, instead of the stage's.
    pub loss: Option<Arc<dyn Objective>>,
}

const fn method(
    name: &'static str,
    label: &'static str,
    rows: Rows,
    examples_per_row: usize,
    keys: &'static [(&'static str, &'static str)],
) -> Method {
    repeated(1, name, label, rows, examples_per_row, keys)
}

const fn repeated(
    steps_factor: usize,
    name: &'static str,
    label: &'static str,
    rows: Rows,
    examples_per_row: usize,
    keys: &'static [(&'static str, &'static str)],
) -> Method {
    Method { name, label, rows, examples_per_row, steps_factor, keys, loss: None }
}

impl Method {
    /// A method with a custom loss; `rows` says what its examples are made of.
    #[must_use]
    pub fn custom(name: &'static str, rows: Rows, loss: Arc<dyn Objective>) -> Self {
        let stage: &[_] = match rows {
            Rows::Pairs => &[("stage", "dpo")],
            Rows::Groups => &[("stage", "iopo")],
        };
        Self { loss: Some(loss), ..method(name, name, rows, 1, stage) }
    }

    /// Whether it has no β, or another one than the other methods.
    pub(crate) fn has_own_beta(&self) -> bool {
        self.keys.iter().any(|&(key, value)| key == "pref_beta" || (key, value) == ("stage", "sft"))
    }

    /// The method of a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        METHODS.iter().find(|method| method.name == name).cloned()
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.label)
    }
}

/// The paper's methods and baselines in the order of its tables.
///
/// β is that of the bench, with three exceptions: ORPO's factor is 0.1; SimPO's authors use 2 and a margin of about 1,
/// since averaged log-probs differ by much less than sums; and one row has the paper's 0.1. "Without input
/// preference" is not in the list: its loss is that of DPO on the two pairs of a group, DPO*, term by term.
///
/// # Source
/// IOPO (ACL 2025), Tables 3 and 4, Figures 4 and 5, footnotes 4 and 5; Eq. 11 for the simplified loss.
pub static METHODS: [Method; 12] = [
    method("sft", "SFT", Rows::Pairs, 1, &[("stage", "sft")]),
    method("sft-star", "SFT*", Rows::Groups, 2, &[("stage", "sft")]),
    repeated(2, "sft-star-2x", "SFT*, twice the steps", Rows::Groups, 2, &[("stage", "sft")]),
    method("orpo", "ORPO", Rows::Pairs, 1, &[("stage", "dpo"), ("pref_loss", "orpo"), ("pref_beta", "0.1")]),
    method(
        "simpo",
        "SimPO",
        Rows::Pairs,
        1,
        &[("stage", "dpo"), ("pref_loss", "simpo"), ("pref_beta", "2.0"), ("simpo_gamma", "1.0")],
    ),
    method("dpo", "DPO", Rows::Pairs, 1, &[("stage", "dpo")]),
    method("dpo-star", "DPO*, IOPO without input preference", Rows::Groups, 2, &[("stage", "dpo")]),
    method(
        "iopo-input-only",
        "IOPO without output preference",
        Rows::Groups,
        1,
        &[("stage", "iopo"), ("iopo_variant", "input-only")],
    ),
    method(
        "iopo-simplified",
        "IOPO simplified",
        Rows::Groups,
        1,
        &[("stage", "iopo"), ("iopo_variant", "simplified")],
    ),
    method("iopo", "IOPO", Rows::Groups, 1, &[("stage", "iopo")]),
    method("iopo-paper-beta", "IOPO, β = 0.1", Rows::Groups, 1, &[("stage", "iopo"), ("pref_beta", "0.1")]),
    method("iopo-nll", "IOPO + NLL", Rows::Groups, 1, &[("stage", "iopo"), ("pref_ftx", "1.0")]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found() {
        for method in &METHODS {
            assert_eq!(METHODS.iter().filter(|other| other.name == method.name).count(), 1);
            assert_eq!(Method::from_name(method.name).map(|found| found.label), Some(method.label));
        }
    }
}
