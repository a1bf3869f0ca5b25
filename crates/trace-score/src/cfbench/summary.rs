//! The three rates over a whole run.

use serde::{Deserialize, Serialize};

use super::item::Split;
use super::python::{mean, round_to_hundredths};
use super::score::CfBenchScore;

/// How means are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rounding {
    /// Not at all.
    #[default]
    Exact,
    /// To two decimals as numpy does it, for numbers that equal the official ones.
    Official,
}

/// Mean rates over some items; `None` where no item was scored.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct CfBenchRates {
    /// The number of scored items.
    pub n: usize,
    /// The number of items whose judgement failed. They are in no mean.
    pub n_failed: usize,
    /// Mean constraint satisfaction rate, from 0 to 1.
    pub csr: Option<f64>,
    /// Instruction satisfaction rate, from 0 to 1.
    pub isr: Option<f64>,
    /// Priority satisfaction rate, from 0 to 1.
    pub psr: Option<f64>,
}

/// Mean rates over the halves of the benchmark and over all of it.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct CfBenchSummary {
    /// The easy half.
    pub easy: CfBenchRates,
    /// The hard half.
    pub hard: CfBenchRates,
    /// All items.
    pub all: CfBenchRates,
}

/// Means over items, each with its score or `None` where its judgement failed.
///
/// # Source
///
/// `code/evalaute.py` of CFBench 0bcbf9b.
pub fn summarize(items: &[(Split, Option<CfBenchScore>)], rounding: Rounding) -> CfBenchSummary {
    let of = |split: Option<Split>| {
        let wanted = items.iter().filter(|(of, _)| split.is_none_or(|split| split == *of));
        rates(wanted.map(|(_, score)| *score), rounding)
    };
    CfBenchSummary { easy: of(Some(Split::Easy)), hard: of(Some(Split::Hard)), all: of(None) }
}

fn rates(items: impl Iterator<Item = Option<CfBenchScore>>, rounding: Rounding) -> CfBenchRates {
    let items: Vec<Option<CfBenchScore>> = items.collect();
    let scored: Vec<CfBenchScore> = items.iter().flatten().copied().collect();
    let rate = |value: fn(&CfBenchScore) -> f64| {
        let mean = mean(&scored.iter().map(value).collect::<Vec<_>>());
        (!scored.is_empty()).then(|| match rounding {
            Rounding::Exact => mean,
            Rounding::Official => round_to_hundredths(mean),
        })
    };
    CfBenchRates {
        n: scored.len(),
        n_failed: items.len() - scored.len(),
        csr: rate(|score| score.csr),
        isr: rate(|score| f64::from(score.isr)),
        psr: rate(|score| f64::from(score.psr)),
    }
}
