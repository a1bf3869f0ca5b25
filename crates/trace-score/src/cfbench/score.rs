//! CSR, ISR and PSR: of one response, and over a whole run.

use serde::{Deserialize, Serialize};

use super::item::{Priority, Split};
use super::quirks::CfBenchQuirks;
use crate::python::{mean, round_to_hundredths};

/// The three rates of one response.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CfBenchScore {
    /// Constraint satisfaction rate: the share of criteria that are satisfied.
    pub csr: f64,
    /// Instruction satisfaction: 1 if all criteria are satisfied, else 0.
    pub isr: u8,
    /// Priority satisfaction: 1 if all primary criteria and enough of the secondary ones are satisfied, else 0.
    pub psr: u8,
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

/// Scores verdicts.
///
/// ```text
/// CSR = k/n     ISR = [k = n]     PSR = [every primary holds] · [w > 0.8]
/// w = 0.5 + 0.5 · (secondary that hold / secondary)  with both kinds,  k/n  with secondary ones alone,  1  with primary ones alone
/// ```
///
/// Priorities and verdicts are paired in order; what one list has beyond the other does not count. Without a pair the
/// result is `None`.
///
/// # Source
///
/// CFBench (Zhang et al., 2024) and its code at 0bcbf9b, whose comparison with 0.8 is strict: 3 of 5 secondary criteria
/// give exactly 0.8, which is not enough.
pub fn score_verdicts(
    priorities: &[Priority],
    verdicts: &[bool],
    quirks: CfBenchQuirks,
) -> Option<CfBenchScore> {
    // Quotients of whole numbers and 0.5 + 0.5 · 3/5 are rounded to the float next to them, as the literal 0.8 is, so
    // that the comparison is that of the exact numbers.
    let share = |values: &[f64]| rounded(mean(values), quirks);
    let of = |wanted: &[Priority]| -> Vec<f64> {
        let pairs = priorities.iter().zip(verdicts);
        let wanted = pairs.filter(|(priority, _)| wanted.contains(priority));
        wanted.map(|(_, &holds)| f64::from(u8::from(holds))).collect()
    };
    let (primary, secondary) = (of(&[Priority::Primary]), of(&[Priority::Secondary]));
    let all = of(&[Priority::Primary, Priority::Secondary]);
    let csr = share(&all);
    let enough = match (primary.is_empty(), secondary.is_empty()) {
        (true, _) => csr > 0.8,
        (_, true) => true,
        _ => 0.5 + 0.5 * share(&secondary) > 0.8,
    };
    (!all.is_empty()).then(|| CfBenchScore {
        csr,
        isr: u8::from(csr >= 1.0),
        psr: u8::from(!primary.contains(&0.0) && enough),
    })
}

/// Means over items, each with its score or `None` where its judgement failed.
///
/// # Source
///
/// `code/evalaute.py` of CFBench 0bcbf9b.
pub fn summarize(items: &[(Split, Option<CfBenchScore>)], quirks: CfBenchQuirks) -> CfBenchSummary {
    let of = |split: Option<Split>| {
        let wanted = items.iter().filter(|(of, _)| split.is_none_or(|split| split == *of));
        rates(&wanted.map(|(_, score)| *score).collect::<Vec<_>>(), quirks)
    };
    CfBenchSummary { easy: of(Some(Split::Easy)), hard: of(Some(Split::Hard)), all: of(None) }
}

fn rates(items: &[Option<CfBenchScore>], quirks: CfBenchQuirks) -> CfBenchRates {
    let scored: Vec<CfBenchScore> = items.iter().flatten().copied().collect();
    let rate = |value: fn(&CfBenchScore) -> f64| {
        let mean = mean(&scored.iter().map(value).collect::<Vec<_>>());
        (!scored.is_empty()).then(|| rounded(mean, quirks))
    };
    CfBenchRates {
        n: scored.len(),
        n_failed: items.len() - scored.len(),
        csr: rate(|score| score.csr),
        isr: rate(|score| f64::from(score.isr)),
        psr: rate(|score| f64::from(score.psr)),
    }
}

fn rounded(value: f64, quirks: CfBenchQuirks) -> f64 {
    if quirks.rounded_rates { round_to_hundredths(value) } else { value }
}
