//! Answered exams of several systems, and what they score.

use anyhow::{Context, Result};
use iopo_lab::Decoding;
use serde_json::{Map, Value, json};
use trace_score::stats::{Estimate, IntervalConfig};
use trace_score::{Comparison, Judged, Metric, PairedShare, RunComparison, Scores};
use trace_world::EvaluationKind;

/// What the table's columns are about.
pub const COLUMNS: [(EvaluationKind, Decoding); 6] = [
    (EvaluationKind::Single, Decoding::Greedy),
    (EvaluationKind::Multi, Decoding::Greedy),
    (EvaluationKind::Pairs, Decoding::Greedy),
    (EvaluationKind::More, Decoding::Greedy),
    (EvaluationKind::Single, Decoding::Sampled),
    (EvaluationKind::Multi, Decoding::Sampled),
];

/// A model's answered exam.
pub struct System {
    pub name: String,
    pub greedy: Vec<Judged>,
    /// Sampled at temperature 1.
    pub sampled: Vec<Judged>,
}

impl System {
    /// The rows of a column.
    fn rows(&self, (kind, decoding): (EvaluationKind, Decoding)) -> Vec<Judged> {
        let rows = match decoding {
            Decoding::Greedy => &self.greedy,
            Decoding::Sampled => &self.sampled,
        };
        rows.iter().filter(|row| row.id.starts_with(kind.name())).cloned().collect()
    }

    /// The share of instructions followed, column by column.
    fn shares(&self) -> Result<Vec<Estimate>> {
        let share = |column| Ok(Scores::of(&self.rows(column), &IntervalConfig::default())?.all.followed);
        COLUMNS.into_iter().map(share).collect()
    }
}

/// Systems over the same exam, the start first.
pub struct Systems {
    pub all: Vec<System>,
    pub comparison: Comparison,
    /// For every system but the first: itself against the first, column by column.
    pub against_start: Vec<Vec<PairedShare>>,
}

impl Systems {
    pub fn of(all: Vec<System>) -> Result<Self> {
        let metric = |(kind, decoding): (EvaluationKind, Decoding)| {
            Metric::percent(format!("{}, %", decoding.name()), kind.label())
        };
        let mut comparison = Comparison::new(COLUMNS.map(metric).to_vec());
        for system in &all {
            comparison.add("", &system.name, system.shares()?)?;
        }
        let start = all.first().context("there is no system")?;
        let against_start = all[1..].iter().map(|system| against(start, system)).collect::<Result<_>>()?;
        Ok(Self { all, comparison, against_start })
    }

    /// The table as one value, for programs: shares from 0 to 1.
    pub fn to_json(&self) -> Value {
        let rows = self.comparison.systems().iter().map(|system| {
            let columns = COLUMNS.iter().zip(&system.values);
            let values: Map<String, Value> =
                columns.map(|((kind, decoding), value)| (key(*kind, *decoding), json!(value))).collect();
            (system.method.clone(), Value::from(values))
        });
        Value::from(rows.collect::<Map<_, _>>())
    }
}

fn key(kind: EvaluationKind, decoding: Decoding) -> String {
    format!("{}_{}", kind.name(), decoding.name())
}

fn against(start: &System, system: &System) -> Result<Vec<PairedShare>> {
    let config = IntervalConfig::default();
    let compare =
        |column| Ok(RunComparison::of(&start.rows(column), &system.rows(column), &config)?.all.followed);
    COLUMNS.into_iter().map(compare).collect()
}
