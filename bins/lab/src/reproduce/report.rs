//! `reproduction.json`: a study, and the numbers of its page.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use iopo_lab::{Decoding, Method};
use serde::{Deserialize, Serialize};
use trace_score::stats::{Interval, SeedMean};
use trace_world::EvaluationKind;

use super::job::Regime;
use super::results::Cost;
use super::study::Study;

/// What a study measured.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// What was run.
    pub study: Study,
    /// Regime by regime, system by system, in the order of the tables.
    pub scores: Vec<Score>,
    /// Intervals of the differences that the page shows.
    pub intervals: Vec<DifferenceInterval>,
    /// The cost of every method's training.
    pub costs: Vec<MethodCost>,
}

/// The percentage of followed instructions of one system, on one part of the test.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Score {
    pub regime: Regime,
    /// The name in tables.
    pub system: String,
    /// The chosen learning rate; none for a start.
    pub learning_rate: Option<String>,
    /// The update whose weights were kept, seed by seed.
    pub best_steps: Vec<usize>,
    /// The table's name of the part.
    pub part: String,
    pub decoding: Decoding,
    pub score: SeedMean,
}

/// The bootstrap interval of the mean of `system` − `other` over seeds and items. It needs single verdicts, which the
/// scores do not hold.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DifferenceInterval {
    pub regime: Regime,
    pub system: String,
    pub other: String,
    pub part: String,
    pub decoding: Decoding,
    pub interval: Interval,
}

/// The cost of one method's training.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MethodCost {
    pub system: String,
    #[serde(flatten)]
    pub cost: Cost,
}

/// The scores in which systems are compared, in tables and figures.
pub const COMPARED: [(EvaluationKind, Decoding); 3] = [
    (EvaluationKind::Multi, Decoding::Greedy),
    (EvaluationKind::Pairs, Decoding::Greedy),
    (EvaluationKind::Multi, Decoding::Sampled),
];

/// The name of a method in tables.
pub fn label(method: &str) -> &str {
    Method::from_name(method).map_or(method, |method| method.label)
}

/// Which systems are compared, as (system, other): those of the paper's claims.
pub fn comparisons(regime: Regime) -> Vec<(&'static str, &'static str)> {
    let others = ["dpo", "dpo-star", "sft-star", "iopo-input-only", "iopo-simplified"].map(label);
    let iopo = std::iter::once(regime.start().label()).chain(others).map(|other| (label("iopo"), other));
    iopo.chain([(label("iopo-nll"), label("sft-star"))]).collect()
}

impl Report {
    /// Reads what [`Report::to_json`] wrote.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_slice(&text)
            .with_context(|| format!("{} is not a report of this program", path.display()))
    }

    /// JSON with each number's item on a line of its own.
    pub fn to_json(&self) -> Result<String> {
        Ok(format!(
            "{{\"study\": {},\n\"scores\": [\n{}\n],\n\"intervals\": [\n{}\n],\n\"costs\": [\n{}\n]}}\n",
            serde_json::to_string(&self.study)?,
            lines(&self.scores)?,
            lines(&self.intervals)?,
            lines(&self.costs)?
        ))
    }

    /// The systems of a regime in the order of its table, each by its first score.
    pub fn systems(&self, regime: Regime) -> Vec<&Score> {
        let mut systems: Vec<&Score> = Vec::new();
        for score in self.scores.iter().filter(|score| score.regime == regime) {
            if systems.iter().all(|known| known.system != score.system) {
                systems.push(score);
            }
        }
        systems
    }

    pub fn score(
        &self,
        regime: Regime,
        system: &str,
        kind: EvaluationKind,
        decoding: Decoding,
    ) -> Option<&SeedMean> {
        let is_wanted = |score: &&Score| {
            score.regime == regime
                && score.system == system
                && score.part == kind.label()
                && score.decoding == decoding
        };
        self.scores.iter().find(is_wanted).map(|score| &score.score)
    }

    pub fn interval(
        &self,
        regime: Regime,
        (system, other): (&str, &str),
        kind: EvaluationKind,
        decoding: Decoding,
    ) -> Option<&Interval> {
        let is_wanted = |line: &&DifferenceInterval| {
            line.regime == regime
                && (line.system.as_str(), line.other.as_str()) == (system, other)
                && line.part == kind.label()
                && line.decoding == decoding
        };
        self.intervals.iter().find(is_wanted).map(|line| &line.interval)
    }
}

/// The items of a JSON list, one in a line.
fn lines(items: &[impl Serialize]) -> Result<String> {
    let items = items.iter().map(serde_json::to_string);
    Ok(items.collect::<Result<Vec<_>, _>>()?.join(",\n"))
}
